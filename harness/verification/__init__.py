"""Are records that others made what they say? Checked from the files alone; works where torch is absent."""
