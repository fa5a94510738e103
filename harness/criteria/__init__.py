"""What makes a sublayer, or a set of them, cheap to lose; one per file."""
