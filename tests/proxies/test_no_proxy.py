"""no_proxy, as curl, wget and Python read it, and as Go's library says that it does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import pytest

from agent.judge.own_proxy import exempt, own_proxy
from agent.model.gateway import Gateway
from agent.model.network import ProxyScheme, ProxySetting
from agent.model.requirement import PortNeed, Requirement
from agent.model.source import Source
from tests.daemons.internet import needs
from tests.kernel.netns import Namespace

ENTRIES = (
    "livechat.com", ".livechat.com", "*.livechat.com", "*", "chat.com", "api.livechat.com", "LIVECHAT.com", "com",
    "livechat.com:80", "livechat.com:443", "..livechat.com", "livechat.com.", "10.0.0.0/8", "*livechat.com", "live*",
)  # fmt: skip
NAMES = ("livechat.com", "api.livechat.com", "b.api.livechat.com", "xlivechat.com", "chat.com")
ATTEMPTS = 3
"""A program that finds no time to ask on a busy machine seems to go directly."""
PROGRAMS = {
    "curl": ("curl", "-s", "-m", "30", "-o", "/dev/null"),
    "wget": ("wget", "-q", "-t", "1", "-T", "30", "-O", "/dev/null"),
    "Python": (sys.executable, "-c", "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=30)"),
}


class Listening:
    """A proxy that counts who comes."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.asked = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def is_left_out(self, argv: tuple[str, ...], environment: dict[str, str]) -> bool:
        """Whether a program goes directly."""
        before = self.asked
        subprocess.run(argv, env=environment, capture_output=True, check=False, timeout=60)
        return self.asked == before

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                client.recv(4096)
                self.asked += 1
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.mark.daemons
@pytest.mark.parametrize(
    "dialect", [pytest.param("curl", marks=needs("curl")), pytest.param("wget", marks=needs("wget")), "Python"]
)
@needs()
def test_programs_take_the_proxy_where_we_say(dialect: str) -> None:
    """In a namespace with nothing but the loopback, where looking a name up fails at once."""
    wrong = []
    space = Namespace()
    space.run(("ip", "link", "set", "lo", "up"))
    with space.entered():
        proxy = Listening()
        for entry in ENTRIES:
            environment = {
                "PATH": os.environ["PATH"],
                "http_proxy": f"http://127.0.0.1:{proxy.port}",
                "no_proxy": entry,
            }
            for name in NAMES:
                ours = any(name in one for one in exempt(entry, dialect, 80))
                argv = (*PROGRAMS[dialect], f"http://{name}/")
                if not any(proxy.is_left_out(argv, environment) is ours for _ in range(ATTEMPTS)):
                    wrong.append((entry, name, f"goes {'by the proxy' if ours else 'directly'}"))
        proxy.socket.close()
    space.close()
    assert not wrong


@pytest.mark.parametrize(
    ("entry", "name", "port", "direct"),
    [
        ("livechat.com", "livechat.com", 443, True),
        ("livechat.com", "api.livechat.com", 443, True),
        (".livechat.com", "livechat.com", 443, False),
        (".livechat.com", "api.livechat.com", 443, True),
        ("*.livechat.com", "api.livechat.com", 443, True),
        ("*.livechat.com", "livechat.com", 443, False),
        ("livechat.com:443", "api.livechat.com", 443, True),
        ("livechat.com:80", "api.livechat.com", 443, False),
        ("*", "livechat.com", 443, True),
        ("10.0.0.0/8", "livechat.com", 443, False),
        ("chat.com", "livechat.com", 443, False),
    ],
)
def test_go(entry: str, name: str, port: int, direct: bool) -> None:
    """The documentation of golang.org/x/net/http/httpproxy, Config.NoProxy."""
    assert any(name in one for one in exempt(entry, "Go", port)) is direct


NEED = Requirement("p", "*.livechat.com", (PortNeed("tcp", 443),), apex=True)


@pytest.mark.parametrize(
    ("no_proxy", "beside", "text"),
    [
        ((), False, "programs here use the proxy 10.0.0.9:3128: "),
        ((".example.org",), False, "programs here use the proxy 10.0.0.9:3128: "),
        (("cdn.livechat.com",), True, "but all of them directly to cdn.livechat.com and all below it: "),
        (
            (".livechat.com",),
            True,
            "but curl and Python directly; wget and Go directly to *.livechat.com: ",
        ),
    ],
)
def test_where_dialects_differ_it_is_said(no_proxy: tuple[str, ...], beside: bool, text: str) -> None:
    source = Source("files/etc/environment", "https_proxy=http://10.0.0.9:3128", 1)
    setting = ProxySetting(ProxyScheme.HTTPS, "http://10.0.0.9:3128", no_proxy, "environment", source)
    found = own_proxy(Gateway(proxy_settings=(setting,)), NEED, NEED.ports[0])
    assert found
    assert found.beside is beside
    assert text in found.opinion.because


@pytest.mark.parametrize("no_proxy", [("livechat.com",), ("com",)])
def test_what_is_exempt_in_every_dialect_goes_directly(no_proxy: tuple[str, ...]) -> None:
    source = Source("files/etc/environment", "", 1)
    setting = ProxySetting(ProxyScheme.HTTPS, "http://10.0.0.9:3128", no_proxy, "environment", source)
    assert own_proxy(Gateway(proxy_settings=(setting,)), NEED, NEED.ports[0]) is None
