"""What became of a study's numbers over commits, versions and machines; works where torch is absent."""
