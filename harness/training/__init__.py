"""Training networks: the one loop, and what belongs to it."""
