"""Takes secrets out of bytes before they are kept; lines stay lines, so that Sources keep their numbers."""

from __future__ import annotations

import re
from typing import Final

GONE: Final = b"***"
_USERINFO: Final = re.compile(rb"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@\"'<>]+@")
_KEY_VALUE: Final = re.compile(
    rb"(?im)#[^\n]*|(\b(?:[\w-]*"
    rb"(?:password|passwd|passphrase|pwhash|secret|token|api[_-]?key|private[_-]?key|preshared[_-]?key))"
    rb"[\"']?\s*([=:])\s*)(?:(\")(?:[^\"\\\n]|\\.)+\"|(')(?:[^'\n]|'')+'|(?![|>][0-9+-]*[ \t]*$)[^\s\"';][^\s;]*)"
)
_WORDS: Final = (
    *(b"password", b"passwd", b"passphrase", b"pwhash", b"secret", b"token", b"apikey", b"api-key", b"api_key"),
    *(b"authorization", b"basicauth"),
    *(kind + joint + b"key" for kind in (b"private", b"preshared") for joint in (b"", b"-", b"_")),
)
"""What _KEY_VALUE and _SPOKEN look for."""
_SPOKEN: Final = re.compile(
    rb"(?im)((?:^|[\s{;])(?:BasicAuth[ \t]+\S+|cachemgr_passwd|(?:insecure-|ca-)?password|secret"
    rb"|proxy_set_header[ \t]+\"?(?:proxy-)?authorization\"?)[ \t]+)(\"[^\"\n]*\"|'[^'\n]*'|[^\s;\"'=:][^\s;]*)"
)
"""Words of tinyproxy, squid, HAProxy, FRR, BIRD, BIND and nginx that a secret follows without a sign between."""
_LOGIN: Final = re.compile(rb"(?i)(\blogin=)[^\s:]*:\S+")
_PAIR: Final = re.compile(rb"(?im)^([ \t]*(?:upstream|forward-socks\w*|forward)[ \t][^#\n]*?[ \t])[^\s:@/#]+:[^\s@]+@")
"""``user:password@proxy`` without a scheme: tinyproxy, Privoxy."""
_PEM: Final = re.compile(rb"(?s)(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(.*?)(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)")
_SECRET_OPTION: Final = re.compile(r"(?i)^--?[\w-]*(password|passwd|pass|secret|token|api-?key|auth)$")
_SECRET_ASSIGNMENT: Final = re.compile(r"(?i)^(--?[\w-]*(?:password|passwd|pass|secret|token|api-?key|auth)=).*$")


def redact(data: bytes) -> bytes:
    """Bytes without user info in URLs, private keys, and values of keys that name a secret."""
    if b"@" in data and b"://" in data:
        data = _USERINFO.sub(rb"\1" + GONE + b"@", data)
    if b"@" in data and b":" in data:
        data = _PAIR.sub(rb"\1" + GONE + b"@", data)
    if b"login=" in data:
        data = _LOGIN.sub(rb"\1" + GONE, data)
    if b"PRIVATE KEY-----" in data:
        data = _PEM.sub(_without_key, data)
    lower = data.lower()
    if any(word in lower for word in _WORDS):  # a listing of 100 000 rules is one line, which takes a regex seconds
        data = _SPOKEN.sub(_without_word, _KEY_VALUE.sub(_without_value, data))
    return data


def _without_word(match: re.Match[bytes]) -> bytes:
    quote = match[2][:1] if match[2][:1] in (b'"', b"'") else b""
    return match[1] + quote + GONE + quote


def _without_value(match: re.Match[bytes]) -> bytes:
    """In quotes where there were some, and after a colon: the stars must not mean anything in JSON, TOML or YAML."""
    if not match[1]:
        return match[0]  # a comment
    quote = match[3] or match[4] or (b'"' if match[2] == b":" else b"")
    return match[1] + quote + GONE + quote


def _without_key(match: re.Match[bytes]) -> bytes:
    lines = match[2].count(b"\n")
    indent = match[2].rpartition(b"\n")[2]  # without which it would be another thing in YAML
    return match[1] + (b"\n" * lines or GONE) + (indent if indent.isspace() else b"") + match[3]


def redact_arguments(arguments: tuple[str, ...]) -> list[str]:
    """Command-line arguments without the values of options that name a secret."""
    out: list[str] = []
    secret = False
    for argument in arguments:
        if secret:
            out.append(GONE.decode())
            secret = False
            continue
        secret = _SECRET_OPTION.match(argument) is not None
        text = _SECRET_ASSIGNMENT.sub(rf"\1{GONE.decode()}", argument)
        out.append(redact(text.encode(errors="replace")).decode(errors="replace"))
    return out
