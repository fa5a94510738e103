"""The results of a study in the spellings that other tools read."""
