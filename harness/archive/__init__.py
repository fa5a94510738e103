"""A results set as a folder that can be cited, checked and read without harness; works where torch is absent."""
