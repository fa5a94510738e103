"""Comparisons for readers: tables, pages, JSON, and what machines say of each other; works where torch is absent."""
