"""From scores to sets; one per file."""
