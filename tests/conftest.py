"""What holds for all tests."""

from hypothesis import settings

# How long an example takes says more about the machine than about the code: speed lives in tests/bench.
settings.register_profile("gateproof", deadline=None)
settings.load_profile("gateproof")
