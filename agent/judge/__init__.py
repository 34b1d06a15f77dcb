"""Evaluation of the model: what happens to a packet, and to all packets at once."""
