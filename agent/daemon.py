"""``gateproof run``: audits on a schedule, keeps findings, watches traffic beside it, listens to signals.

SIGHUP reads the configuration again (a bad one is refused and the old one stays) and audits at once; SIGTERM and
SIGINT end cleanly: a running audit is waited for, so that what it found is written.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent import logs
from agent.errors import GateproofError, StateError
from agent.model.standing import AUDIT, OBSERVE, Awaited, Check, patience
from agent.model.vocabulary import Reach
from agent.notify import notify, reloading
from agent.store import CHANGES, Retention, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from apscheduler.schedulers.base import BaseScheduler

    from agent.child import Child
    from agent.config import Settings
    from agent.model.evidence import Observed
    from agent.model.explanation import Explanation
    from agent.model.report import Report
    from agent.model.suppression import Entry
    from agent.packs import Pack
    from agent.pipeline import Key
    from agent.snapshot import Snapshot
    from agent.supervise import Supervisor

    Steady = Mapping[Key, tuple[Reach, float]]

LOG: Final = logging.getLogger("gateproof")
JOB: Final = "audit"
LOOK: Final = 10.0
"""Seconds between two looks at the clock."""
JUMP: Final = 60.0
"""Seconds by which a clock is set that matter."""


@dataclass(slots=True)
class Plan:
    """What the configuration says; replaced as a whole when it is read again."""

    settings: Settings
    packs: tuple[Pack, ...]
    suppressions: tuple[Entry, ...] = ()


def load_plan(config: Path | None) -> Plan:
    """Read configuration and packs; raises ConfigError or UsageError with one line."""
    from agent.config import load_settings
    from agent.packs import find_packs, select

    settings = load_settings(config)
    packs = select(find_packs(settings.pack_folder), settings.packs)
    return Plan(settings, packs, suppressed(settings))


def suppressed(settings: Settings) -> tuple[Entry, ...]:
    """Decisions to live with findings, as configured; raises ConfigError.

    Their domains are held against the packs where decisions are made (agent/cli/settings.py), and not here: a pack that
    has one no more must not keep the daemon from starting.
    """
    from agent.practice import find_rules
    from agent.suppressions import load

    where = settings.suppressions
    return load(where.file, where.longest, frozenset(rule.id for rule, _ in find_rules()))


@dataclass(slots=True)
class Audited:
    """One audit: its report, and what is kept beside it."""

    report: Report
    checks: tuple[Check, ...] = ()
    """How it went with what each kind wants to know."""
    explanations: tuple[Explanation, ...] = ()


def audit_here(plan: Plan, observed: Observed | None, steady: Steady, awaited: Sequence[Awaited] = ()) -> Audited:
    """One audit of the running host, with what was observed and since when its verdicts stand."""
    from agent.collect import Asking, checks, collect
    from agent.host.live import LiveHost

    now = datetime.now(UTC)
    asking: dict[str, Asking] = {}
    snapshot = collect(LiveHost(), now, asking)
    return replace(judged(plan, snapshot, now, observed, steady, awaited), checks=checks(asking, now))


def judged(  # noqa: PLR0913, PLR0917 - all that an audit depends on
    plan: Plan,
    snapshot: Snapshot,
    now: datetime,
    observed: Observed | None,
    steady: Steady,
    awaited: Sequence[Awaited] = (),
) -> Audited:
    """The audit of a snapshot."""
    from agent.pipeline import audit

    told: list[Explanation] = []
    report = audit(
        snapshot,
        plan.packs,
        plan.settings,
        now,
        observed=observed,
        steady=steady,
        told=told,
        suppressions=plan.suppressions,
        awaited=awaited,
    )
    return Audited(report, explanations=tuple(told))


def standing(report: Report, before: Steady) -> Steady:
    """Since when each verdict of a report stands, with what was known before."""
    from agent.pipeline import verdict_key

    found: dict[Key, tuple[Reach, float]] = {}
    for one in report.verdicts:
        key = verdict_key(one)
        known = before.get(key)
        same = known is not None and known[0] is one.verdict
        found[key] = known if known is not None and same else (one.verdict, report.scan.at.timestamp())
    return found


@dataclass(slots=True)
class Daemon:
    """The parts that run: a plan, a store, and how to audit."""

    config: Path | None
    store: Store
    plan: Plan
    audit: Callable[[Plan, Observed | None, Steady, Sequence[Awaited]], Audited] = audit_here
    load: Callable[[Path | None], Plan] = load_plan
    tap: Supervisor | None = None
    api: Child | None = None
    _steady: Steady = field(default_factory=dict)
    _done: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def once(self) -> None:
        """Audit and record; raises what cannot be helped."""
        from agent.outputs.text.words import count

        began = time.monotonic()
        observed = self.tap.observed(time.time()) if self.tap is not None else None
        audited = self.audit(self.plan, observed, self._steady, self._awaited())
        report, at = audited.report, audited.report.scan.at
        self._steady = standing(report, self._steady)
        undecided = sum(one.verdict is Reach.UNKNOWN for one in report.verdicts)
        own = Check(
            name=AUDIT,
            attempted=at,
            succeeded=at,
            duration=time.monotonic() - began,
            unknown={"undecided": undecided} if undecided else {},
        )
        checks = (own, *audited.checks, *self._observing(at, observed))
        events = self.store.record(report, at, checks=checks, explanations=audited.explanations, observed=observed)
        counts = {kind: sum(event.event == kind for event in events) for kind in CHANGES}
        self._textfile(at)
        said = ", ".join(f"{number} {kind}" for kind, number in counts.items() if number) or "nothing new"
        left = count(self.store.open_findings, "finding")
        LOG.info("audit: %s open, %s, %.2f s", left, said, time.monotonic() - began)

    def _textfile(self, now: datetime) -> None:
        """The metrics as a file, where one is wanted; that it cannot be written is told, and no more."""
        path = self.plan.settings.serve.textfile
        if path is None:
            return
        from agent import metrics
        from agent.store import Reader

        reader = Reader(self.store.folder)
        try:
            metrics.write(path, metrics.render(reader.standing(), now))
        except OSError as error:
            LOG.error("%s: cannot be written: %s", path, error.strerror)  # noqa: TRY400 - one line
        finally:
            reader.close()

    def _watching(self) -> Supervisor | None:
        """The tap, where somebody wants one."""
        return self.tap if self.plan.settings.observe.enabled else None

    def _awaited(self) -> tuple[Awaited, ...]:
        """What is done again and again beside the audits."""
        tap = self._watching()
        if tap is None:
            return ()
        late = patience(self.plan.settings.schedule.every)
        return (Awaited(name=OBSERVE, silent=tap.silent, patience=late, trouble=tap.trouble),)

    def _observing(self, at: datetime, observed: Observed | None) -> tuple[Check, ...]:
        """How it goes with the tap, where somebody wants one."""
        tap = self._watching()
        if tap is None:
            return ()
        seen = datetime.fromtimestamp(observed.until, UTC) if observed is not None else None
        lost = observed.loss.drops if observed is not None else 0
        return (
            Check(
                name=OBSERVE,
                attempted=at,
                succeeded=seen,
                trouble=tap.trouble,
                unknown={"lost": lost} if lost else {},
            ),
        )

    def attempt(self) -> None:
        """One scheduled audit: whatever goes wrong is told, and the schedule goes on."""
        try:
            self.once()
        except GateproofError as error:
            LOG.error("audit: %s", error)  # noqa: TRY400 - expected: one line, no traceback
            self._failed(str(error))
        except Exception:  # the top of a worker: tell everything, keep the schedule
            LOG.exception("audit: a fault of gateproof itself")
            self._failed("a fault of gateproof itself; the log has it")

    def _failed(self, trouble: str) -> None:
        """Keep in mind that an audit failed, where anything can be kept at all."""
        with suppress(StateError):
            self.store.failed(Check(name=AUDIT, attempted=datetime.now(UTC), trouble=trouble))

    def reload(self) -> None:
        """Read the configuration again; a bad one is refused."""
        reloading()
        try:
            self.plan = self.load(self.config)
            LOG.info("configuration read again")
        except GateproofError as error:
            LOG.error("configuration refused, the old one stays: %s", error)  # noqa: TRY400 - one line
        else:
            for part in (self.tap, self.api):
                if part is not None:
                    part.reload()
        notify("READY=1")

    async def serve(self) -> None:
        """Audit on schedule until told to stop."""
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        loop = asyncio.get_running_loop()
        scheduler = AsyncIOScheduler(timezone=UTC)
        scheduler.add_job(self._scheduled, id=JOB, next_run_time=datetime.now(UTC), **self._trigger())
        loop.add_signal_handler(signal.SIGHUP, self._reload_and_reschedule, scheduler)
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._done.set)
        scheduler.start()
        parts = [part for part in (self.tap, self.api) if part is not None]
        beside = [asyncio.create_task(_kept(part)) for part in parts]
        clock = asyncio.create_task(self._clock_watched(scheduler))
        notify("READY=1")
        await self._done.wait()
        notify("STOPPING=1")
        scheduler.pause()  # to shut it down would cancel an audit that runs
        clock.cancel()
        for part in parts:
            part.stop()
        await asyncio.gather(*beside)
        async with self._busy:
            scheduler.shutdown(wait=False)
            LOG.info("stopped")

    async def _clock_watched(self, scheduler: BaseScheduler) -> None:
        """Audit at once when the clock was set: a schedule made by the old one may be a day away."""
        ahead = time.time() - time.monotonic()
        while True:
            await asyncio.sleep(LOOK)
            now = time.time() - time.monotonic()
            if abs(now - ahead) > JUMP:
                LOG.warning("the clock jumped by %+.0f s: times before and after do not compare", now - ahead)
                self._reschedule(scheduler, datetime.now(UTC))
            ahead = now

    def _trigger(self) -> dict[str, object]:
        schedule = self.plan.settings.schedule
        return {
            "trigger": "interval",
            "seconds": int(schedule.every.total_seconds()),
            "jitter": int(schedule.jitter.total_seconds()) or None,
            "coalesce": True,
            "max_instances": 1,
            "misfire_grace_time": None,
        }

    def _reload_and_reschedule(self, scheduler: BaseScheduler) -> None:
        self.reload()
        self._reschedule(scheduler, datetime.now(UTC))

    def _reschedule(self, scheduler: BaseScheduler, at: datetime | None = None) -> None:
        """Begin the schedule anew; the first audit ``at`` that time, or an interval from now."""
        trigger = self._trigger()
        scheduler.reschedule_job(JOB, **{key: trigger[key] for key in ("trigger", "seconds", "jitter")})
        if at is not None:
            scheduler.modify_job(JOB, next_run_time=at)

    async def _scheduled(self) -> None:
        async with self._busy:
            await asyncio.to_thread(self.attempt)


async def _kept(part: Supervisor | Child) -> None:
    """A part beside the audits: whatever goes wrong with it is told, and they go on."""
    try:
        await part.run()
    except Exception:  # the top of a worker
        LOG.exception("%s: a fault of gateproof itself; it does not run any more", type(part).__name__.lower())


def serving(config: Path | None, folder: Path, listen: Sequence[str], plan: Plan) -> Sequence[str]:
    """How the API is started; empty where nobody wants one. Never from the folder that somebody happens to be in."""
    if not plan.settings.serve.enabled:
        return ()
    return (
        *(sys.executable, "-P", "-m", "agent", "serve", "--state-dir", str(folder)),
        *("--parent", str(os.getpid())),
        *(("--config", str(config)) if config else ()),
        *(word for place in listen or plan.settings.serve.listen for word in ("--listen", place)),
    )


def state_folder(given: Path | None, plan: Plan) -> Path:
    """The folder asked for, else the service manager's, else the configured one."""
    managed = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return given or (Path(managed) if managed else plan.settings.state_dir)


def run(config: Path | None, state_dir: Path | None, *, listen: Sequence[str] = (), once: bool) -> int:
    """Run until told to stop, or once; raises ConfigError, UsageError or StateError before the first audit."""
    logs.begin()
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    plan = load_plan(config)
    folder = state_folder(state_dir, plan)
    if state_dir is None and folder != plan.settings.state_dir:
        LOG.warning("state_dir %s has no effect: the service manager gives %s", plan.settings.state_dir, folder)
    keep = Retention(plan.settings.keep.age, plan.settings.keep.size)
    with Store(folder, keep) as store:
        from agent.child import Child
        from agent.store.evidence import FILE
        from agent.supervise import Supervisor

        daemon = Daemon(config, store, plan)
        daemon.tap = Supervisor(config, folder / FILE, lambda: daemon.plan.settings.observe)
        daemon.api = Child("api", lambda: serving(config, folder, listen, daemon.plan))
        if once:
            daemon.once()
        else:
            asyncio.run(daemon.serve())
    return 0
