"""HTML: one page that needs nothing else, for people who do not read terminals.

First whether all that is required can pass, then what to act on. It has no script and loads nothing: its policy
(CSP) allows its own style and forbids all else, so that foreign text could do nothing even if it got in.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

from agent import __version__
from agent.model.vocabulary import Severity
from agent.outputs.html_.about import gaps, host, policy
from agent.outputs.html_.findings import findings
from agent.outputs.html_.markup import Html, items, moment, tag, together
from agent.outputs.html_.reach import answers, reach
from agent.outputs.html_.style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.report import Report
    from agent.outputs import Screen


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The whole report as a page, UTF-8."""
    page = tag("html", tag("head", *_head(report)), tag("body", *_body(report)), lang="en")
    return f"<!DOCTYPE html>\n{page}\n".encode(errors="replace")


def _head(report: Report) -> Iterator[Html]:
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    rules = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield tag("meta", charset="utf-8")
    yield tag("meta", http_equiv="Content-Security-Policy", content=rules)
    yield tag("meta", name="viewport", content="width=device-width, initial-scale=1")
    yield tag("meta", name="referrer", content="no-referrer")
    yield tag("title", f"{_name(report)}, {report.scan.at:%Y-%m-%d %H:%M} UTC: gateproof")
    yield tag("style", Html(STYLE))


def _body(report: Report) -> Iterator[Html]:
    sections = (
        ("reach", "Can what is required pass?", tuple(reach(report))),
        ("findings", "What to act on", tuple(findings(report))),
        ("gaps", "What was not read", tuple(gaps(report))),
        ("policy", "What is required", tuple(policy(report))),
        ("host", "Host and audit", (host(report),)),
    )
    links = items(tag("a", title, href=f"#{name}") for name, title, _ in sections)
    yield tag("a", "Skip to the answer", href="#reach", class_="skip")
    yield tag(
        "header",
        tag("p", "gateproof report", class_="soft small"),
        tag("h1", _name(report)),
        tag(
            "p",
            together(part for part in (report.host.os, ", " * bool(report.host.os), moment(report.scan.at))),
            class_="soft",
        ),
        answers(report),
        _tally(report),
        tag("nav", links, aria_label="Sections"),
    )
    yield tag(
        "main",
        *(
            tag("section", tag("h2", title, id=f"{name}-title"), *parts, id=name, aria_labelledby=f"{name}-title")
            for name, title, parts in sections
        ),
    )
    yield tag("footer", f"Made by gateproof {__version__}. This page loads nothing from elsewhere.")


def _name(report: Report) -> str:
    return report.host.name or "Bare dumps"


def _tally(report: Report) -> Html:
    """How many open findings there are of each severity."""
    found = Counter(one.severity for one in report.findings if one.status == "open")
    told = [tag("li", f"{found[one]} {one.value}", class_=one.value) for one in reversed(Severity) if found[one]]
    return tag("ul", *(told or [tag("li", "no open finding")]), class_="tally")
