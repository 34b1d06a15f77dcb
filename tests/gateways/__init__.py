"""Recorded hosts, one folder each: what was set up, the snapshot that was taken there, and what is to be found."""
