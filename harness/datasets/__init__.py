"""Labelled data by name, one per file."""
