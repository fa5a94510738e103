"""Published values of the literature, one YAML file a paper, to be read beside one's own."""

from harness.published.values import Group, Publication, Value, names, plain_name, publication

__all__ = ["Group", "Publication", "Value", "names", "plain_name", "publication"]
