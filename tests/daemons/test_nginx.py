"""nginx and our reading of its files say the same of requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model.proxy import Act
from agent.proxies import nginx
from agent.proxies.nginx.directives import DIRECTIVES
from tests.daemons.commands import directives
from tests.daemons.internet import needs
from tests.daemons.nginx import Config, disagreements
from tests.daemons.origins import passes_on_to_itself, world

pytestmark = pytest.mark.daemons
PROGRAM = Path("/usr/sbin/nginx")
MODULES = tuple(Path("/usr/lib/nginx/modules") / f"ngx_{name}_module.so" for name in ("stream", "http_echo"))
NOT_DIRECTIVES = {"args", "block", "config", "core", "elif", "else", "endblock", "endif", "regex"}
"""Commands of server-side includes, and names of modules."""


@pytest.mark.parametrize("first", range(0, 120, 20))
@needs("nginx", "nft", "openssl")
def test_random_configurations(first: int, tmp_path: Path) -> None:
    with world() as made:
        outcomes: set[Act] = set()
        for seed in range(first, first + 20):
            config = Config(seed, tmp_path / str(seed))
            assert not disagreements(config, made, outcomes), config.files
    assert outcomes == {Act.ALLOW, Act.DENY, Act.DROP}


@needs("nginx")
def test_every_directive_of_the_program_is_in_one_table() -> None:
    named = directives(PROGRAM).union(*(directives(one) for one in MODULES if one.exists())) - NOT_DIRECTIVES
    assert len(named) > 500
    assert {name: sum(name in one for one in DIRECTIVES.tables) for name in named} == dict.fromkeys(named, 1)


CHAINED = """
user root; pid @DIR/n.pid; error_log /dev/null;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events { }
stream {
  map $ssl_preread_server_name $to { hostnames; .livechat.com inner; text.com 127.0.0.1:9444; default "$ssl_preread_server_name:443"; }
  upstream inner { server unix:@DIR/n.sock; }
  resolver 127.0.0.11 ipv6=off;
  server { listen 127.0.0.1:9443; ssl_preread on; proxy_pass $to; }
  server { listen 127.0.0.1:9080; proxy_pass 127.0.0.1:9081; proxy_protocol on; }
  server { listen 127.0.0.1:9444; deny 127.1.0.5; deny 127.0.0.1; proxy_pass 127.9.0.2:443; }
}
http { access_log off;
  resolver 127.0.0.11 ipv6=off;
  server { listen unix:@DIR/n.sock ssl; listen 127.0.0.1:9445 ssl; ssl_certificate @CERT; ssl_certificate_key @CERT; server_name api.livechat.com; location / { return 403; } }
  server { listen unix:@DIR/n.sock ssl; allow unix:; deny all; ssl_certificate @CERT; ssl_certificate_key @CERT; server_name .livechat.com; location / { proxy_pass http://127.9.0.3; } }
  server { listen 127.0.0.1:9081 proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol; deny 127.1.0.6; allow 127.1.0.5; deny all; location / { proxy_pass http://$host; } }
  server { listen 127.0.0.1:3128; location / { proxy_pass http://$host; } }
}
"""


@needs("nginx", "nft", "openssl")
def test_what_passes_requests_on_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    passes_on_to_itself(
        nginx.KIND,
        path,
        CHAINED,
        ["nginx", "-e", "/dev/null", "-c", str(path), "-g", "daemon off; master_process off;"],
    )
