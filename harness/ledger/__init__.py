"""The rows of a study kept beside its records, so that a report reads anew only what has changed."""
