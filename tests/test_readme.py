"""What the README shows is what comes out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli import main

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[1]


def test_the_example_is_the_recorded_gateways(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (example,) = (block for block in blocks if block.startswith("0 of 6"))
    main(["audit", "--snapshot", str(ROOT / "tests" / "gateways" / "egress-allow-list")])
    page = capsysbinary.readouterr().out.decode()
    at = 0
    for part in example.split("...\n"):
        found = page.find(part, at)
        assert found >= 0, part
        at = found + len(part)
