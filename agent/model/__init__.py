"""The vendor-independent model: immutable values that carry their evidence."""
