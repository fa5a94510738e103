"""Changes of a network that are not removals; one per file."""
