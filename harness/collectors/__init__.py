"""What is measured; one per file."""
