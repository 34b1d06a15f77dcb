"""Lines of nginx.conf that do not mean what somebody believes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.naming import Mistake
from agent.proxies.nginx.access import nearest
from agent.proxies.nginx.files import NAMED
from agent.proxies.variables.about import about, domain_of
from agent.proxies.variables.texts import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.proxies.nginx.syntax import Directive

HELLO: Final = "ssl_preread_server_name"


def mistakes(block: Directive, interest: Interest) -> Iterator[Mistake]:
    """What is wrong in ``stream`` or ``http``; of names only about those of interest."""
    for one in block.all("map"):
        if one[0] in NAMED:
            yield from _map(one, interest)
    taken: dict[tuple[str, str], Directive] = {}
    for server in block.all("server"):
        if block.name == "stream":
            yield from _stream((block, server))
        else:
            yield from _names(server, taken, interest)


def _map(block: Directive, interest: Interest) -> Iterator[Mistake]:
    entries = [one for one in block.block or () if one.words]
    hostnames = any(one.name == "hostnames" and not one.words for one in block.block or ())
    keys = {one.name.lower() for one in entries}
    for one in entries:
        if one.name.startswith("~"):
            yield from _expression(one, one.name, interest)
            continue
        names = about(one.name, interest)
        if names is None:
            continue
        domain = domain_of(one.name)
        wild = one.name.startswith(("*", ".")) or one.name.endswith(".*")
        if wild and not hostnames:
            what = f"{one.name} is no wildcard in a map without hostnames"
            yield Mistake(what, "hostnames;", one.source, names)
        elif one.name.endswith("."):
            yield Mistake(f"{one.name} fits no name: it ends in a dot", f"{domain} {one[0]};", one.source, names)
        elif ":" in one.name and block[0] != "$http_host":
            yield Mistake(f"{one.name} fits no name: it has a port", f"{domain} {one[0]};", one.source, names)
        elif one.name.startswith("*.") and domain in names and not keys & {domain, "." + domain}:
            what = f"{one.name} does not fit {domain} itself"
            yield Mistake(what, f".{domain} {one[0]};", one.source, (domain,))


def _expression(one: Directive, key: str, interest: Interest) -> Iterator[Mistake]:
    fold = key.startswith("~*")
    text = key[2 if fold else 1 :]
    try:
        pattern = regex(text, fold=fold)
    except Malformed:
        return
    names = tuple(sorted(name for name in interest.names if name in pattern))
    if names and (dots := pattern.unescaped_dots()):
        mended = "".join(f"\\{letter}" if at in dots else letter for at, letter in enumerate(text))
        sign = "~*" if fold else "~"
        yield Mistake(f"a dot in {key} stands for any character", f'"{sign}{mended}"', one.source, names)
    elif not names and not fold and text != text.lower():
        folded = regex(text, fold=True)
        lost = tuple(sorted(name for name in interest.names if name in folded))
        if lost:
            yield Mistake(f"{key} fits no name: names come in lower case", f"~*{text}", one.source, lost)


def _stream(levels: tuple[Directive, Directive]) -> Iterator[Mistake]:
    block, server = levels
    passed = server.last("proxy_pass")
    if passed is None or "$" not in passed[0]:
        return
    text = passed[0]
    texts = [text] + [
        word
        for one in block.all("map")
        if one.words and f"{one.words[-1]}" in text
        for word in (one[0], *(entry[0] for entry in one.block or ()))
    ]
    if not any(HELLO in one for one in texts):
        return
    if not any(one[0] == "on" for one in nearest(levels, "ssl_preread")[-1:]):
        yield Mistake(f"${HELLO} is empty without ssl_preread", "ssl_preread on;", passed.source)
    if any(HELLO in one for one in texts if one.startswith(("$", "${"))) and not nearest(levels, "resolver"):
        asked = [one for one in texts if HELLO in one and ":" in one]
        if asked:
            yield Mistake(f"{asked[0]} cannot be looked up without a resolver", "resolver 127.0.0.1;", passed.source)


def _names(server: Directive, taken: dict[tuple[str, str], Directive], interest: Interest) -> Iterator[Mistake]:
    for line in server.all("server_name"):
        for word in line.words:
            if word.startswith("~"):
                yield from _expression(line, word, interest)
                continue
            names = about(word, interest)
            if names is None:
                continue
            domain = domain_of(word)
            for listen in server.all("listen"):
                first = taken.setdefault((listen[0], word.lower()), server)
                if first is not server:
                    what = f"{word} is ignored here: line {first.source.line} has the name"
                    yield Mistake(what, "give each server names of its own", line.source, names)
            if word.startswith("*.") and domain in names and not {domain, "." + domain} & set(line.words):
                yield Mistake(f"{word} does not fit {domain} itself", f"server_name .{domain};", line.source, (domain,))
