"""Proves that required domains pass this gateway, and names the rule that stops what does not."""

__version__ = "0.1.0"
