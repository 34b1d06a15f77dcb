"""Random rulesets of every flavour: the kernel and ``gateproof trace`` agree on every flow.

The sample is the same in every run; ``python -m tests.kernel --long N`` goes through thousands.
"""

from __future__ import annotations

import pytest

from tests.kernel import needs
from tests.kernel.compare import Comparison
from tests.kernel.rulesets import FLAVOURS, make

pytestmark = needs.kernel
RULESETS = 32
"""For each flavour: 256 rulesets of 32 flows in all."""


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
def test_kernel_and_trace_agree(flavour: str) -> None:
    comparison = Comparison()
    try:
        differing = [
            str(one) for seed in range(RULESETS) for one in comparison.trial(make(flavour, seed)).disagreements()
        ]
    finally:
        comparison.close()
    assert not differing, "\n".join(differing)
