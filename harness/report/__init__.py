"""The pages of a study: figures, tables, an answer in words."""
