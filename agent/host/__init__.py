"""The one door to the operating system: fixed questions, read-only, with limits; trouble is a value."""
