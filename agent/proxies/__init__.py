"""Proxies, and the settings that send programs to them."""
