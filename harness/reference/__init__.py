"""The reference pages of the documentation, made from the code that they speak of: `python -m harness.reference`."""
