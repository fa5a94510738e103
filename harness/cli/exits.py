"""Exit codes: fine; a trial failed; the user's to fix; nothing was measured; a bug of harness; interrupted."""

FINE, FAILED, USER, NOTHING, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 130
