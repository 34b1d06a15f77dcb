"""Packet filters: each kind turns its tool's text into the model; ``merge`` makes one kernel of them."""
