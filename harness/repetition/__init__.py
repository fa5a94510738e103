"""A record beside its repetition, part by part; works where torch is absent."""
