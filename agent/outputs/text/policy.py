"""Packs for people: the list of them, and one in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.outputs.text.layout import BLANK, PLAIN_WIDTH, columns, finish, prose
from agent.outputs.text.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.outputs.text.layout import Line
    from agent.packs import FoundPack, Pack

LABEL: Final = 14
ASSUMED: Final = " (our assumption; the vendor does not say)"


def pack_list(found: Sequence[FoundPack]) -> bytes:
    """One line for each pack: name, version, date, domains, title and where it is."""
    rows = [("NAME", "VERSION", "CHECKED", "DOMAINS", "TITLE", "WHERE")]
    for one in found:
        pack = one.pack
        rows.append((pack.name, pack.version, str(pack.checked), str(len(pack.domains)), pack.title, _where(one)))
    sizes = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return finish((columns((text, size, "") for text, size in zip(row, sizes, strict=True)) for row in rows), None)


def pack_page(found: FoundPack) -> bytes:
    """All that a pack says."""
    return finish(_page(found), None)


def _where(found: FoundPack) -> str:
    return f"{found.where}, in place of {found.replaces}" if found.replaces else found.where


def _page(found: FoundPack) -> Iterator[Line]:
    pack = found.pack
    yield ((f"{pack.title} ({pack.name})", ""),)
    yield from prose(pack.description, PLAIN_WIDTH)
    yield BLANK
    yield from _field("domains", pack.domains)
    belong = "belong to the wildcards" if pack.apex else "do not belong to the wildcards"
    yield from _field("bare domains", (belong + (ASSUMED if "apex" in pack.assumed else ""),))
    preferred = f", {listed(pack.ports.preferred)} preferred" if pack.ports.preferred else ""
    ports = f"{listed(pack.ports.required)} required{preferred}"
    yield from _field("ports", (ports + (ASSUMED if "ports" in pack.assumed else ""),))
    yield from _advice(pack)
    yield BLANK
    yield from _field("vendor", (pack.vendor,))
    yield from _field("kept by", (f"{pack.owner}, version {pack.version}, checked {pack.checked}",))
    yield from _field("sources", [" ".join(filter(None, (one.title, one.url))) for one in pack.sources])
    yield from _field("where", (_where(found),))


def _advice(pack: Pack) -> Iterator[Line]:
    if pack.addresses:
        yield from _field("addresses", (*pack.addresses.published, pack.addresses.note))
    for one in pack.discouraged:
        yield from _field("discouraged", (f"{one.what} ({one.practice})", *one.because))
    yield from _field("recommended", pack.recommended)
    yield from _field("TLS", (pack.tls,) if pack.tls else ())
    yield from _field(
        "webhooks", [f"User-Agent: {name}" for name in pack.webhooks.user_agents] if pack.webhooks else ()
    )


def _field(label: str, texts: Sequence[str]) -> Iterator[Line]:
    for index, text in enumerate(texts):
        yield from prose(text, PLAIN_WIDTH, ((("" if index else label).ljust(LABEL), ""),))
