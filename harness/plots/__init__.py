"""Figures that a paper could print."""
