"""A scientific benchmark and ablation harness for removing parts of neural networks."""

__version__ = "0.1.0"
