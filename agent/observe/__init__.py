"""What traffic shows: observations of the wire, and what follows from them."""
