"""Dante's and e2guardian's files, whatever stands in them: read, or a gap; never an exception, never silence."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from agent.model.course import Ask, walk
from agent.model.proxy import Act, Proxy
from agent.proxies import dante, e2guardian
from tests.daemons.snapshots import snapshot

INTEREST = frozenset({"livechat.com"})
WORDS = st.sampled_from(
    [
        b"internal: 10.0.0.1 port = 1080", b"external: lo", b"socksmethod: none", b"client pass {", b"socks block {", b"}",
        b"from: 0/0", b"to: .livechat.com", b"to: ::/0 port 1-9", b"port = 08", b"port: 9", b"user: joe", b"libwrap: x",
        b"route {", b"via: direct", b"#", b"\n", b"\r\n", b" ", b"\0", b"\xff\xfe", b"\\\n", b"9" * 30, b"monitor {",
        b"filtergroups = 3", b"authplugin = '/f'", b"plugname = 'ip'", b"ipgroups = '/f'", b"1.2.3.0/24 = filter2",
        b"storyboard = '/f'", b"preauthstoryboard = '/f'", b"function(checkrequest)", b"if(true) checkrequest",
        b"if(sitein, banned) return setblock", b"ifnot(urlin, x) returnif setexception", b".Include</f>", b"=", b"'",
        b"sitelist = 'name=banned,path=/f'", b"regexpboollist = 'name=banned,path=/f'", b"(" * 50, b"a{1,9999}", b".com",
        b"*.livechat.com", b"https://livechat.com/", b"livechat.com/x", b"#time: 1 2 3 4 5", b"iplist = 'name=x,path=/f'",
        b"1.2.3.4-0.0.0.0", b"filterports = 8081", b"mapportstoips = off", b"sslmitm = on", b"enablessl = on", b"[[:x:]]",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.binary(max_size=60), st.lists(WORDS, max_size=15).map(b"\n".join), st.lists(WORDS, max_size=15).map(b" ".join)
)


def followed(found: Proxy) -> None:
    """Every form of request has an end, and what is not understood leaves names open."""
    assert found.doors
    for door in found.doors:
        for form, stages in door.courses:
            ways = walk(stages, Ask(form, "livechat.com", 443, client=(4, 1), target=(4, 2)))
            assert ways
            if found.gaps:
                assert any(way.ruling.act is not Act.ALLOW for way in ways), found.gaps


@given(TEXTS)
@example(b"internal: 10.0.0.1 port = " + b"9" * 5000)
@example(b"internal: 10.0.0.1 port = 1080\nsocks pass { from: 0/0 to: 0/" + b"9" * 5000 + b" }")
def test_any_configuration_of_dante(text: bytes) -> None:
    running = {"name": "danted", "pid": 7, "arguments": ["danted", "-f", "/c"], "listeners": []}
    (found,) = dante.read(snapshot({"/c": text}, [running]), INTEREST).proxies
    followed(found)


@given(TEXTS, TEXTS, TEXTS)
@example(b"filtergroups = " + b"9" * 5000, b"", b"")
@example(b"filtergroups = 999999\nmapportstoips = off\n", b"", b"")
@example(
    b"authplugin = '/f'", b"storyboard = '/f'", b"plugname = 'ip'\nipgroups = '/f'\n1.2.3.4 = filter" + b"9" * 5000
)
@example(
    b"preauthstoryboard = '/f'", b"storyboard = '/f'", b"function(a)\nif(true) a\nfunction(checkrequest)\nif(true) a\n"
)
def test_any_configuration_of_e2guardian(main: bytes, group: bytes, other: bytes) -> None:
    running = {"name": "e2guardian", "pid": 7, "arguments": ["e2guardian", "-c", "/e.conf"], "listeners": []}
    (found,) = e2guardian.read(
        snapshot({"/e.conf": main, "/ef1.conf": group, "/f": other}, [running]), INTEREST
    ).proxies
    followed(found)
