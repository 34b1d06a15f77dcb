"""HAProxy and our reading of its files say the same of requests."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.model.proxy import Act
from agent.proxies import haproxy
from agent.proxies.haproxy import keywords
from tests.daemons.haproxy import Config, disagreements
from tests.daemons.internet import needs
from tests.daemons.origins import passes_on_to_itself, world

if TYPE_CHECKING:
    from agent.proxies.variables.keywords import Table

pytestmark = pytest.mark.daemons
MANUAL = Path("/usr/share/doc/haproxy/configuration.txt.gz")
ACTION = r"^\t(?:tcp-request (?:connection|session|content)|http-request) (\S+?)\*?$"
ANSWER = r"^\t(?:tcp-response content|http-response|http-after-response) (\S+?)\*?$"


@pytest.mark.parametrize("first", range(0, 60, 10))
@needs("haproxy", "nft", "openssl")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    with world() as made:
        outcomes: set[Act] = set()
        for seed in range(first, first + 10):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, made, outcomes), config.files
    assert outcomes == {Act.ALLOW, Act.DENY, Act.DROP}


def once(named: set[str], table: Table) -> None:
    assert {word: sum(word in one for one in table.tables) for word in named} == dict.fromkeys(named, 1)


@needs("haproxy")
def test_every_keyword_of_the_program_is_in_one_table() -> None:
    said = subprocess.run(
        ("haproxy", "-dKcfg", "-q", "-c", "-f", "/dev/null"), capture_output=True, text=True, check=False
    ).stdout
    whole, _, proxies = said.partition("\nlisten\n")
    proxies = proxies.partition("\nuserlist")[0]
    once(set(re.findall(r"^\t(\S+)", whole, re.MULTILINE)), keywords.GLOBALS)
    firsts = set(re.findall(r"^\t(\S+)$", proxies, re.MULTILINE))
    assert len(firsts) > 20
    once(firsts, keywords.PROXIES)
    for pattern, table, least in (
        (r"^\tbind <addr> (?:ssl )?(\S+)", keywords.BINDS, 50),
        (r"^\tserver <name> <addr> (\S+)", keywords.SERVERS, 90),
        (r"^\toption (\S+)", keywords.OPTIONS, 30),
        (ACTION, keywords.ACTIONS, 40),
        (ANSWER, keywords.ANSWERS, 20),
    ):
        named = set(re.findall(pattern, proxies, re.MULTILINE))
        assert len(named) > least
        once(named, table)


@pytest.mark.skipif(not MANUAL.exists(), reason="needs haproxy: packaging/test --install-peers")
def test_every_documented_keyword_is_in_one_table() -> None:
    text = gzip.decompress(MANUAL.read_bytes()).decode()
    matrix = text.split("\n4.1. Proxy keywords matrix\n")[-1].split("\n4.2. Alphabetically")[0]
    lines = re.findall(
        r"^([a-z][a-z_-]*)(?: ([a-z0-9-]+))?(?: [a-z0-9-]+)* +(?:\(\*\)|\(deprecated\))? *[X-]", matrix, re.MULTILINE
    )
    assert len(lines) > 170
    once({first for first, _ in lines}, keywords.PROXIES)
    once({second for first, second in lines if first == "option"}, keywords.OPTIONS)
    whole = text.split("\n3. Global parameters\n")[-1].split("\n3.1. Process management")[0]
    named = set(re.findall(r"^   - (\S+)$", whole, re.MULTILINE))
    assert len(named) > 150
    once(named, keywords.GLOBALS)
    actions = set(
        re.findall(
            r"^(?:http-request|tcp-request (?:connection|content|session)) ([a-z][a-z0-9-]+)", text, re.MULTILINE
        )
    )
    once(actions - {"rules"}, keywords.ACTIONS)


CHAINED = """
defaults
  mode tcp
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend f
  bind 127.0.0.1:9443
  bind 127.0.0.1:9080
  tcp-request inspect-delay 2s
  tcp-request content accept if { req_ssl_hello_type 1 }
  use_backend term if { req.ssl_sni -m end .livechat.com }
  use_backend web if HTTP
  default_backend b
backend b
  server s 0.0.0.0
backend term
  server t 127.0.0.1:9444 send-proxy-v2
backend web
  server t abns@web send-proxy
frontend inner
  mode http
  bind 127.0.0.1:9444 accept-proxy ssl crt @CERT
  bind 127.0.0.1:3128
  http-request deny if { hdr(host) api.livechat.com } { src 127.1.0.5 }
  http-request deny if !{ ssl_fc }
  default_backend o
backend o
  mode http
  server o 127.9.0.2:80
frontend clear
  mode http
  bind abns@web accept-proxy
  http-request deny if { hdr(host) text.com } { dst 127.9.0.1 } { dst_port 80 }
  default_backend p
backend p
  mode http
  server o 0.0.0.0
"""


@needs("haproxy", "nft", "openssl")
def test_what_passes_requests_on_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.conf"
    passes_on_to_itself(haproxy.KIND, path, CHAINED, ["haproxy", "-db", "-f", str(path)])
