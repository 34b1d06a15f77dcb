"""One discouraged practice, or one way to fail a requirement, a file."""
