"""Where a model keeps its blocks, attention and MLP, and how one is bypassed."""
