"""Decoders of what passes on the wire: bytes in, frozen values out, no input or output.

Each has two ways out: a value, or ``Malformed`` (``Truncated`` where bytes end too early), whatever the bytes are.
"""
