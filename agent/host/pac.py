"""Runs a proxy auto-configuration script where it can do no harm."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Sequence

CHILD: Final = Path(__file__).with_name("pac_child.py")
PATIENCE: Final = 10.0
"""Seconds for all answers; each has a limit of its own."""
MAX_SCRIPT: Final = 1 << 20
CLIENTS: Final = ("192.168.7.9", "10.20.30.40", "172.16.5.6", "100.64.3.4")
"""What clients' own addresses are taken to be where they are not known."""
MAX_CLIENTS: Final = 16
ASSUMED: Final = ("the server's address", "the client's address", "the time of day")


@record
class PacAnswer:
    """What a script says for one name: each answer that may come, and what that depends on."""

    ways: tuple[str, ...]
    """As the script writes it: ``PROXY 10.0.0.1:3128; DIRECT``."""
    depends_on: str = ""


def run(script: str, asked: Sequence[tuple[str, str]], clients: Sequence[str] = CLIENTS) -> tuple[PacAnswer, ...]:
    """Give the answer for each URL and host; raises Malformed with the reason where the script gives none."""
    if len(script) > MAX_SCRIPT:
        raise Malformed(f"larger than {MAX_SCRIPT} characters")
    child = subprocess.Popen(  # noqa: S603 - our own program; the script is data to it
        (sys.executable, "-I", str(CHILD)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"LC_ALL": "C"},
    )
    try:
        given = json.dumps({"script": script, "clients": list(clients)[:MAX_CLIENTS], "ask": list(asked)}).encode()
        out, err = child.communicate(given, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Malformed(f"gave no answers within {PATIENCE:g} s") from None
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if child.returncode == -signal.SIGALRM:
        raise Malformed("an answer takes longer than 200 ms")
    if child.returncode != 0:
        said = [line for line in err.decode(errors="replace").splitlines() if line.strip()]
        raise Malformed(said[0] if said else f"ended by signal {-child.returncode}")
    lines = out.decode(errors="replace").splitlines()
    if len(lines) != len(asked):
        raise Malformed("gave fewer answers than questions")
    return tuple(_answer(json.loads(line)) for line in lines)


def _answer(found: list[list[str]]) -> PacAnswer:
    ways = {tuple(assumed): answer for answer, *assumed in found}
    depends = [
        what
        for at, what in enumerate(ASSUMED)
        if any(
            ways[one] != ways[other] and all(one[i] == other[i] for i in range(len(ASSUMED)) if i != at)
            for one in ways
            for other in ways
        )
    ]
    return PacAnswer(tuple(dict.fromkeys(ways.values())), " and ".join(depends))
