"""From the files of e2guardian to a proxy: doors, and the courses behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals
from agent.model.network import Listener
from agent.model.proxy import PASS, Act, Door, Form, Ports, Proxy, ProxyRule, ProxyStage, Ruling
from agent.model.source import Gap, Source
from agent.proxies.e2guardian.conditions import Conditions
from agent.proxies.e2guardian.courses import Group, stage
from agent.proxies.e2guardian.groups import default_group, members
from agent.proxies.e2guardian.lists import Lists
from agent.proxies.e2guardian.mistakes import mistakes
from agent.proxies.e2guardian.options import HARMLESS, MODELLED, OPEN
from agent.proxies.e2guardian.settings import NAME, number, settings
from agent.proxies.e2guardian.state import Request
from agent.proxies.e2guardian.story import Story, story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.proxies.e2guardian.groups import Member
    from agent.proxies.e2guardian.settings import Settings
    from agent.snapshot.following import Following

MAX_GROUPS: Final = 100
PORT: Final = 8080
HTTPS: Final = 443
ALL: Final = frozenset(Form)
"""Of whatever form a request is, the address is looked up here, also where the client chose one."""


def proxy(path: str, following: Following, interest: Interest) -> Proxy:
    """Read a configuration; what is not understood leaves all behind it open."""
    main = settings(path, following, of_group=False)
    return _Reader(path, main, following, interest).proxy()


class _Reader:
    def __init__(self, path: str, main: Settings, following: Following, interest: Interest) -> None:
        self._path = path
        self._main = main
        self._following = following
        self._source = Source(f"files{path}", "")
        self._gaps: list[Gap] = [*main.gaps]
        self._lists: list[Lists] = []
        self._conditions: list[Conditions] = []
        early = self._listed(main, interest)
        self._early = early
        self._before = self._story(main, "preauthstoryboard", self._source)
        count = max(1, main.number("filtergroups", 1))
        if count > MAX_GROUPS:
            self._gaps.append(Gap(NAME, f"more than {MAX_GROUPS} filter groups", self._source))
        self._groups = [self._group(number, interest) for number in range(1, min(count, MAX_GROUPS) + 1)]
        self._gaps += [*self._before.gaps, *(gap for one in self._groups for gap in one.story.gaps)]
        self._unknown(main)

    def proxy(self) -> Proxy:
        doors = tuple(self._doors())
        gaps = (
            *self._following.gaps, *self._gaps, *(gap for one in self._lists for gap in one.gaps),
            *(gap for one in self._conditions for gap in one.gaps),
        )  # fmt: skip
        if gaps:
            doors = tuple(_opened(door, gaps[0].reason) for door in doors)
        icap = self._main.get("icapport")
        if icap is not None and icap.value:
            # what it tells other proxies leaves its own doors as they are
            gaps = (*gaps, Gap(NAME, "icapport: what it tells another proxy of pages is not followed", icap.source))
        return Proxy(
            NAME,
            doors,
            self._source,
            families=frozenset({4}),
            mistakes=tuple(mistakes(self._lists)),
            gaps=tuple(dict.fromkeys(gaps)),
        )

    def _listed(self, defined: Settings, interest: Interest) -> Conditions:
        lists = Lists(defined, self._following, interest)
        made = Conditions(lists, interest)
        self._lists.append(lists)
        self._conditions.append(made)
        return made

    def _group(self, number: int, interest: Interest) -> Group:
        # the program cuts the name of its file at the first .conf
        path = f"{self._path.partition('.conf')[0]}f{number}.conf"
        found = settings(path, self._following, of_group=True)
        self._gaps += found.gaps
        self._unknown(found)
        source = Source(f"files{path}", "")
        phrases = any(self._says_something(found.text(name)) for name in ("bannedphraselist", "weightedphraselist"))
        weighed = found if found.get("weightedphrasemode") else self._main
        phrases = phrases and weighed.number("weightedphrasemode") != 0
        scans = any(True for _ in self._main.all("contentscanner")) and not found.is_on("disablecontentscan")
        if found.number("reportinglevel", 3) < 0:
            self._gaps.append(Gap(NAME, f"filter group {number} reports nothing and lets some things pass", source))
        server, port = self._main.text("proxyip"), self._main.number("proxyport", 3128)
        return Group(
            story=self._story(found, "storyboard", source),
            conditions=self._listed(found, interest),
            source=source,
            decrypts=self._main.is_on("enablessl") and found.is_on("sslmitm"),
            explains=found.text("automitm", "on") == "on",
            judges_content=phrases or scans,
            upstream=f"{server}:{port}" if server else "",
        )

    def _story(self, found: Settings, option: str, source: Source) -> Story:
        place = found.get(option)
        if place is None or not place.value:
            self._gaps.append(Gap(NAME, f"no {option}", source))
            return Story({})
        return story(place.value, place.source, self._following)

    def _says_something(self, path: str) -> bool:
        artifact = self._following.file(path, self._source) if path else None
        lines = artifact.text.split("\n") if artifact else ()
        return any(line.strip() and not line.startswith("#") for line in lines)

    def _unknown(self, found: Settings) -> None:
        for one in found.lines:
            if one.name in OPEN and one.value not in ("", "off"):
                self._gaps.append(Gap(NAME, f"{one.name}: {OPEN[one.name]}", one.source))
            elif one.name not in MODELLED | HARMLESS | OPEN.keys():
                self._gaps.append(Gap(NAME, f"unknown option {one.name}", one.source))

    # ---- doors ----

    def _doors(self) -> Iterator[Door]:
        addresses = [one.value for one in self._main.all("filterip") if one.value] or ["0.0.0.0"]  # noqa: S104
        ports = [number(one.value) for one in self._main.all("filterports") if number(one.value)] or [PORT]
        pairs = zip(addresses, ports, strict=False) if self._main.text("mapportstoips", "on") == "on" else (
            (address, port) for address in addresses for port in ports
        )  # fmt: skip
        for address, port in pairs:
            courses = tuple(
                (form, self._course(Request(form, connect=form is Form.CONNECT), port, transparent=form is Form.HTTP))
                for form in (Form.CONNECT, Form.GET, Form.HTTP)
            )
            yield Door(Listener("tcp", address, port), courses, self._source, looks_up=ALL)
        diverted = self._main.number("transparenthttpsport")
        if diverted:
            request = Request(Form.TLS, diverted_tls=True, knows_client=False)
            for address in addresses:
                course = self._course(request, diverted, transparent=True)
                yield Door(Listener("tcp", address, diverted), ((Form.TLS, course),), self._source, looks_up=ALL)

    def _course(self, request: Request, port: int, *, transparent: bool) -> tuple[ProxyStage, ...]:
        """Which group a client is in, then the stages of each group; each ends the course."""
        count = len(self._groups)
        by_group = [tuple(self._stages(number, request)) for number in range(count)]
        found = tuple(members(self._main, self._following, port, count, transparent=transparent))
        default = min(default_group(self._main, transparent=transparent), count)
        rules = tuple(ProxyRule(one.test, self._enter(one, by_group), one.source) for one in found)
        otherwise = Ruling(Act.NEXT, skips=sum(len(stages) for stages in by_group[: default - 1]))
        first = (ProxyStage("filter group", rules, otherwise, self._source),) if count > 1 or rules else ()
        return (*first, *(one for stages in by_group for one in stages))

    @staticmethod
    def _enter(member: Member, by_group: list[tuple[ProxyStage, ...]]) -> Ruling:
        if not member.group:
            return Ruling(Act.OPEN, "it depends on who the client says it is")
        skips = sum(len(stages) for stages in by_group[: member.group - 1])
        return Ruling(Act.NEXT, skips=skips) if skips else PASS

    def _stages(self, number: int, request: Request) -> Iterator[ProxyStage]:
        """What a group does; only connections to port 443 are decrypted."""
        group = self._groups[number]
        title = f"filter group {number + 1}"
        if group.decrypts and (request.connect or request.diverted_tls):
            if request.connect:
                web = ProxyRule(Ports(Intervals.single(HTTPS)), PASS, group.source)
                yield ProxyStage("port", (web,), Ruling(Act.NEXT, skips=2), group.source)
            yield stage(title, self._before, self._early, group, replace(request, may_decrypt=True))
            yield stage(f"{title}, decrypted", self._before, self._early, group, Request(Form.GET))
        if not (group.decrypts and request.diverted_tls):
            yield stage(title, self._before, self._early, group, request)


def _opened(door: Door, because: str) -> Door:
    """The same door where nothing is certain."""
    stages = (ProxyStage("configuration", (), Ruling(Act.OPEN, because), door.source),)
    return replace(door, courses=tuple((form, stages) for form, _ in door.courses))
