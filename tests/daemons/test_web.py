"""The small web itself: what its clients say is what happened."""

from __future__ import annotations

import pytest

from agent.model.proxy import Form
from tests.daemons.internet import needs
from tests.daemons.web import Reply, web

pytestmark = [pytest.mark.daemons, needs("nft", "openssl")]
SERVER = ("127.0.0.9", 8080)
"""Web servers pass for proxies: they answer what is asked of them."""


def test_clients_reach_web_servers_and_see_their_certificate() -> None:
    with web() as world:
        tunnel = world.ask(Form.CONNECT, "api.livechat.com", 443, SERVER)
        assert (tunnel.status, tunnel.server, tunnel.decrypted) == (200, "127.0.0.9:8080", False)
        assert [(one.name, one.line) for one in world.seen] == [
            ("", "CONNECT api.livechat.com:443 HTTP/1.1"),
            ("api.livechat.com", "GET / HTTP/1.1"),
        ]
        page = world.ask(Form.GET, "api.livechat.com", 80, SERVER, method="POST")
        assert page.reached
        assert [one.line for one in world.seen] == ["POST http://api.livechat.com/ HTTP/1.1"]


def test_diverted_clients_are_led_to_a_port_of_this_host() -> None:
    with web() as world:
        straight = world.ask(Form.TLS, "livechat.com", 443, SERVER, client="127.1.0.1")
        assert straight.server == f"{world.place('livechat.com')[0]}:443"
        world.divert({443: 8443, 80: 8080})
        assert world.ask(Form.TLS, "livechat.com", 443, SERVER, client="127.1.0.1").server == "127.0.0.1:8443"
        assert world.ask(Form.HTTP, "livechat.com", 80, SERVER, client="127.1.0.1").server == "127.0.0.1:8080"
        assert world.ask(Form.TLS, "livechat.com", 443, SERVER, client="127.2.0.1").server.endswith(":443")


def test_nobody_there_is_no_answer() -> None:
    with web() as world:
        reply = world.ask(Form.CONNECT, "livechat.com", 443, ("127.0.0.1", 3128))
        assert isinstance(reply, Reply)
        assert reply.dropped
        assert "ConnectionRefusedError" in reply.trouble
