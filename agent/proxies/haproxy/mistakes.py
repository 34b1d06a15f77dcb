"""Lines of haproxy.cfg that do not mean what somebody believes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.naming import Mistake
from agent.model.record import record
from agent.model.source import Source
from agent.proxies.haproxy.conditions import PREDEFINED, alias, parted
from agent.proxies.haproxy.courses import SOON, delay, mode
from agent.proxies.haproxy.expressions import expression
from agent.proxies.haproxy.flags import written
from agent.proxies.variables.about import about, domain_of
from agent.proxies.variables.texts import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.proxies.haproxy.flow import Lists
    from agent.proxies.haproxy.sections import Section

NAMED: Final = ("req.ssl_sni", "ssl_fc_sni", "req.hdr", "req.fhdr", "var")
"""Fetches that give names; of headers only Host."""
TESTED: Final = ("use_backend", "use-server", "redirect", "http-request", "tcp-request")


@record
class _Use:
    """An ACL as it is written somewhere."""

    words: tuple[str, ...]
    source: Source


def mistakes(section: Section, lists: Lists, interest: Interest) -> Iterator[Mistake]:
    """What is wrong in a section; only about names of interest."""
    acls = {line[1] for line in section.own("acl")}
    uses: list[_Use] = []
    for line in section.lines:
        if line[0] == "acl":
            uses.append(_Use(line.words[2:], line.source))
        elif line[0] in TESTED:
            named, anonymous = parted(line.words)
            uses += [_Use(words, line.source) for words in anonymous]
            for name in named:
                if name not in acls and name not in PREDEFINED:
                    what = f"no ACL is called {name}: HAProxy refuses to start with this file"
                    yield Mistake(what, f"acl {name} ...", line.source)
    yield from _waiting(section, uses)
    patterns = [one for use in uses for one in _patterns(use, lists)]
    for one in patterns:
        yield from _word(one, patterns, interest)


def _waiting(section: Section, uses: Sequence[_Use]) -> Iterator[Mistake]:
    """Names in hellos that are looked for too early, or where there are none."""
    hellos = [use for use in uses if use.words and use.words[0].startswith(("req.ssl_", "req_ssl_"))]
    if not hellos or section.kind not in ("frontend", "listen"):
        return
    line = section.last("tcp-request", "inspect-delay")
    fetch = hellos[0].words[0]
    if mode(section) == "http" or any("ssl" in bind.words for bind in section.own("bind")):
        yield Mistake(f"{fetch} is never there where TLS ends or HTTP is spoken", "ssl_fc_sni", hellos[0].source)
    elif line is None:
        what = f"{fetch} is looked for before the client has sent its hello"
        yield Mistake(what, "tcp-request inspect-delay 5s", hellos[0].source)
    elif delay(section) < SOON:
        what = f"a delay of {line[2]} is {delay(section):g} milliseconds: hellos may come later"
        yield Mistake(what, "tcp-request inspect-delay 5s", line.source)


@record
class _Pattern:
    """One word that names are compared with."""

    word: str
    way: str
    fold: bool
    subject: str
    source: Source


def _patterns(use: _Use, lists: Lists) -> Iterator[_Pattern]:
    try:
        found, _ = expression(use.words[0] if use.words else "")
    except Malformed:
        return
    found, way = alias(found)
    arguments = found.fetch.arguments
    if found.fetch.name not in NAMED or (
        found.fetch.name.endswith("hdr") and (not arguments or arguments[0].lower() != "host")
    ):
        return
    if any(call.name.startswith("map") for call in found.converters):
        return
    try:
        given = written(use.words[1:])
    except Malformed:
        return
    way = given.way or way or "str"
    for file in given.files:
        for number, line in lists.get(file.path, use.source, narrow=way in ("str", "end")) or ():
            yield _Pattern(file.word(line), way, file.fold, use.words[0], Source(f"files{file.path}", line, number))
    for word in given.words:
        yield _Pattern(word, way, given.fold, use.words[0], use.source)


def _word(one: _Pattern, others: Sequence[_Pattern], interest: Interest) -> Iterator[Mistake]:
    if one.way == "reg":
        yield from _expression(one, interest)
        return
    names = about(one.word, interest)
    if names is None or one.way not in ("str", "end", "dom", "sub"):
        return
    domain = domain_of(one.word)
    here = (one.source, names)
    if "*" in one.word:
        what = f"* is no wildcard: {one.word} fits only a name with a star in it"
        yield Mistake(what, f"{one.subject} -m end .{domain}", *here)
    elif one.word != one.word.lower() and not one.fold:
        yield Mistake(f"{one.word} fits no name: names come in lower case", f"{one.subject} -i {one.word}", *here)
    elif one.word != one.word.rstrip():
        what = "the spaces at the end of the line belong to the name: it fits none"
        yield Mistake(what, f"{domain} without what follows", *here)
    elif one.word.endswith("."):
        yield Mistake(f"{one.word} fits no name: they come without a dot at the end", domain, *here)
    elif one.word.endswith((":443", ":80")):
        what = f"{one.word} fits no browser: they leave usual ports out"
        yield Mistake(what, one.word.partition(":")[0], *here)
    elif one.way == "end" and not one.word.startswith("."):
        what = f"-m end {one.word} also fits other domains, as not{one.word}"
        yield Mistake(what, f"{one.subject} -m end .{domain} and {one.subject} -m str {domain}", *here)
    elif one.way == "str" and one.word.startswith("."):
        yield Mistake(f"{one.word} fits no name without -m end", f"{one.subject} -m end {one.word}", *here)
    elif one.way in ("dom", "sub"):
        what = f"-m {one.way} {one.word} also fits names of others, as {domain}.example.org"
        yield Mistake(what, f"{one.subject} -m end .{domain}", *here)
    elif one.way == "end" and domain in names and not any(_fits(other, domain) for other in others):
        yield Mistake(
            f"{one.word} does not fit {domain} itself", f"{one.subject} -m str {domain}", one.source, (domain,)
        )


def _fits(one: _Pattern, name: str) -> bool:
    word = one.word.lower() if one.fold else one.word
    return {"str": name == word, "end": name.endswith(word), "sub": word in name, "dom": word in name}.get(
        one.way, one.way == "reg"
    )


def _expression(one: _Pattern, interest: Interest) -> Iterator[Mistake]:
    try:
        pattern = regex(one.word, fold=one.fold)
    except Malformed:
        return
    names = tuple(sorted(name for name in interest.names if name in pattern))
    if names and (dots := pattern.unescaped_dots()):
        mended = "".join(f"\\{letter}" if at in dots else letter for at, letter in enumerate(one.word))
        yield Mistake(f"a dot in {one.word} stands for any character", f"'{mended}'", one.source, names)
