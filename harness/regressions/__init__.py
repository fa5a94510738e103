"""Two sets of records, trial by trial: what is equal, better, worse, noise or unknown; works where torch is absent."""
