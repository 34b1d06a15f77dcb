"""nginx and our reading of its files say the same of requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.proxies.nginx.directives import DIRECTIVES
from tests.daemons.commands import directives
from tests.daemons.internet import needs
from tests.daemons.nginx import Config, disagreements
from tests.daemons.origins import web

pytestmark = pytest.mark.daemons
PROGRAM = Path("/usr/sbin/nginx")
MODULES = tuple(Path("/usr/lib/nginx/modules") / f"ngx_{name}_module.so" for name in ("stream", "http_echo"))
NOT_DIRECTIVES = {"args", "block", "config", "core", "elif", "else", "endblock", "endif", "regex"}
"""Commands of server-side includes, and names of modules."""


@pytest.mark.parametrize("first", range(0, 120, 20))
@needs("nginx", "nft", "openssl")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    with web() as world:
        for seed in range(first, first + 20):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, world), config.files


@needs("nginx")
def test_every_directive_of_the_program_is_in_one_table() -> None:
    named = directives(PROGRAM).union(*(directives(one) for one in MODULES if one.exists())) - NOT_DIRECTIVES
    assert len(named) > 500
    assert {name: sum(name in one for one in DIRECTIVES.tables) for name in named} == dict.fromkeys(named, 1)
