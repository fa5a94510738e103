"""Records as rows: one per trial and machine class."""
