"""Benchmarks: ratios against real programs in the same run; never part of the tests."""
