"""Facts about the host that decide which way packets go and who is there to receive them."""
