"""tinyproxy's and Privoxy's files, whatever stands in them: read, or a gap; never an exception, never silence."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.model.course import Ask, walk
from agent.model.proxy import Act, Form, Proxy
from agent.proxies import privoxy, tinyproxy
from tests.daemons.snapshots import snapshot

INTEREST = frozenset({"livechat.com"})
WORDS = st.sampled_from(
    [
        b"Port 8888", b"Allow", b'Filter "/f"', b"Upstream http a:1", b"FilterType ere", b"{+block{x}}", b"{{alias}}",
        b"+x = +block", b"/", b".livechat.com", b"forward", b"permit-access", b"\\", b"#", b" ", b"\n", b"\r\n", b"\0",
        b"\xff\xfe", b"(" * 50, b"a{1,9999}", b"[[:x:]]", b"*" * 20, b"9" * 30, b"~", b"+", b"TAG:", b"<::1>:80", b"{", b"}",
        b"actionsfile a", b"trustfile t", b"listen-address [::1]:", b"toggle \xc2\xb2", b'"', b":443", b"limit-connect",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.binary(max_size=60), st.lists(WORDS, max_size=12).map(b"".join), st.lists(WORDS, max_size=12).map(b" ".join)
)


def read_tinyproxy(main: bytes, listed: bytes) -> Proxy:
    running = {"name": "tinyproxy", "pid": 7, "arguments": ["tinyproxy", "-c", "/c"], "listeners": []}
    (found,) = tinyproxy.read(snapshot({"/c": main, "/f": listed}, [running]), INTEREST).proxies
    return found


def read_privoxy(main: bytes, listed: bytes) -> Proxy:
    running = {"name": "privoxy", "pid": 7, "arguments": ["privoxy", "/c"], "listeners": []}
    (found,) = privoxy.read(snapshot({"/c": main, "/a": listed, "/t": listed}, [running]), INTEREST).proxies
    return found


def followed(found: Proxy) -> None:
    """Every form of request has an end, and what is not understood leaves names open."""
    for door in found.doors:
        for form, stages in door.courses:
            ways = walk(stages, Ask(form, "cdn.livechat.com", 443, client=(4, 1), target=(4, 2)))
            assert ways
            if found.gaps and not any(stage.rules for stage in stages[1:]):
                assert any(way.ruling.act is not Act.ALLOW for way in ways), found.gaps


@given(TEXTS)
@example(b'Port 8888\nUpstream none "x"\nUpstream NONE "x"\nAllow 1.2.3.4/' + b"9" * 1900)
def test_any_configuration_of_tinyproxy(text: bytes) -> None:
    followed(read_tinyproxy(text, b""))


@given(TEXTS, st.sampled_from([b"", b"FilterType ere\n", b"FilterType fnmatch\n", b"FilterURLs on\n"]))
@example(b"\\(" * 100 + b"a" + b"\\)" * 100, b"")
@example(b"(((((((((a{1,250}){1,250}){1,250})))))))", b"FilterType ere\n")
def test_any_filter_of_tinyproxy(listed: bytes, more: bytes) -> None:
    followed(read_tinyproxy(b'Port 8888\nFilter "/f"\n' + more, listed))


@given(TEXTS)
@example(b"permit-access 1.2.3.4/\xc2\xb2\nlisten-address :" + b"9" * 5000)
@example(b"actionsfile a\n" * 500)
def test_any_configuration_of_privoxy(text: bytes) -> None:
    followed(read_privoxy(text, b""))


@given(TEXTS)
@example(b"{+limit-connect{" + b"9" * 5000 + b"}}\n/\n")
@example(b"{+block{x}}\n/(?R)\n/(a+)+$\n/\\1\n")
@example(b"{+block{x}}\nPCRE-HOST-PATTERN:(?=a)b\n[\n[]\n[-]\n[a-\n.*.*.*.*\n")
def test_any_actions_of_privoxy(listed: bytes) -> None:
    followed(read_privoxy(b"actionsfile a\n", listed))


@given(TEXTS)
def test_any_trust_file_of_privoxy(listed: bytes) -> None:
    followed(read_privoxy(b"trustfile t\n", listed))


@pytest.mark.parametrize("kind", [tinyproxy, privoxy])
def test_without_its_file_everything_is_open(kind: object) -> None:
    module = tinyproxy if kind is tinyproxy else privoxy
    running = {"name": module.NAME, "pid": 7, "arguments": [module.NAME, "/nowhere"], "listeners": []}
    (found,) = module.read(snapshot({}, [running]), INTEREST).proxies
    assert found.gaps
    (way,) = walk(found.doors[0].course(Form.CONNECT) or (), Ask(Form.CONNECT, "livechat.com", 443))
    assert way.ruling.act is Act.OPEN
    (want, *_) = module.KIND.wants(snapshot({}, [running]))
    assert want.name == "files"


@pytest.mark.parametrize("kind", [tinyproxy, privoxy])
def test_in_a_container_its_own_files_count(kind: object) -> None:
    module, text = (
        (tinyproxy, "Port 3128\n") if kind is tinyproxy else (privoxy, "actionsfile a\nlisten-address :3128\n")
    )
    arguments = ["tinyproxy", "-c", "/etc/p/c"] if kind is tinyproxy else ["privoxy", "/etc/p/c"]
    running = {"name": module.NAME, "pid": 7, "arguments": arguments, "namespace": "8", "root": "/proc/7/root"}
    files = {"/proc/7/root/etc/p/c": text, "/proc/7/root/etc/p/a": "{+block{x}}\nlivechat.com\n"}
    (found,) = module.read(
        snapshot(files, [running | {"addresses": ["172.17.0.2"], "listeners": []}]), INTEREST
    ).proxies
    assert not found.gaps
    assert found.addresses == ("172.17.0.2",)
    assert found.doors[0].listener.port == 3128
