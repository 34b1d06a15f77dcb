"""The HTTP API by which others pull findings; it reads the store, and nothing can be changed through it."""
