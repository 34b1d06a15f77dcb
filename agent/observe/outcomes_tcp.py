"""What became of a connection of TCP, and of the handshake of TLS on it.

What a server may do itself is no blocking: it may be dead, refuse, or close. It takes a sign that something else did
it: a packet that went no further than this gateway, or that this gateway or another hop made; or a contrast, another
name at the same address that passes. Signs and their weight: Raman et al., SIGCOMM 2023 (stages), RFC 5961 §3
(sequence numbers of resets).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.observation import Alert, CertificateChain, ServerHello
from agent.model.outcome import Clue, Fate, OutcomeStage
from agent.observe.issuers import interception
from agent.observe.outcomes import APART, FULL, Judged, count, inconclusive
from agent.observe.outcomes_icmp import prohibited

if TYPE_CHECKING:
    from agent.observe.flow import Flow, ResetSeen
    from agent.observe.outcomes import Context

SETTLE: Final = 1.0
"""Seconds in which what follows a packet may still change its meaning."""
GIVE_UP: Final = 10.0
"""Seconds without an answer after which nobody waits for one any more."""
SYN_WAIT: Final = 3.5
"""Seconds after the last SYN; the fourth would come after four (RFC 6298 §2, §5.5)."""
PATIENCE: Final = 2.0
"""Seconds that a proxy on this gateway may take until it says a word or asks somebody."""
SYNS: Final = 3
HELLOS: Final = 3
"""How often something must have been sent in vain: three in a row are rarely lost by chance."""
FULL_SEGMENT: Final = 1200
"""Bytes from where on a segment may be too large for a road whose ICMP errors are lost (RFC 4821)."""
OLD: Final = frozenset({"SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"})
"""Versions that are broken or given up (RFC 6176, 7568, 8996)."""
WEAK: Final = ("_RC4_", "_NULL_", "_EXPORT_", "_DES_", "_anon_", "_3DES_")
"""Suites that are broken (RFC 7465, RFC 9325 §4.2.1)."""
TOO_OLD: Final = 70
"""``protocol_version``."""
TCP, TLS, HTTP = OutcomeStage.TCP, OutcomeStage.TLS, OutcomeStage.HTTP


def judge(flow: Flow, now: float, context: Context) -> Judged | None:
    """What became of it, None as long as that is open."""
    hello = next((at for at, one in flow.messages if isinstance(one, ServerHello)), None)
    if hello is not None:
        return _handshake(flow, now, hello, context)
    if (found := prohibited(flow.errors, _stage(flow))) is not None:
        return found
    if (found := _alert(flow, context)) is not None:
        return found
    reset = next((one for one in flow.resets if one.from_server), None)
    if reset is not None and (now - reset.sight.at >= SETTLE or context.over):
        return _reset(flow, reset, context)
    forged = next((one for one in flow.resets if not one.from_server), None)
    if forged is not None and (now - forged.sight.at >= SETTLE or context.over):
        return _client_reset(flow, forged, context)
    if flow.server_fin is not None and flow.hello is not None and flow.heard is None:
        settled = now - flow.server_fin >= SETTLE or context.over
        return _silence(flow, context) or _closed(flow, flow.server_fin, context) if settled else None
    return _waiting(flow, now, context)


# ---- a server that answers ----


def _handshake(flow: Flow, now: float, at: float, context: Context) -> Judged | None:
    hello = next(one for _, one in flow.messages if isinstance(one, ServerHello))
    shown = next(((when, one) for when, one in flow.messages if isinstance(one, CertificateChain)), None)
    visible = hello.version != "TLSv1.3" and not hello.version.startswith("TLSv1.3-draft")
    if visible and shown is None and now - at < SETTLE and not context.over:
        return None
    name = flow.name or ""
    if visible and shown is not None and (found := interception(shown[1], name)) is not None:
        confidence, what = found
        clues = [Clue(shown[0], what, (("issuer", shown[1].chain[0].issuer),))]
        refused = next(
            (one for one in flow.messages if isinstance(one[1], Alert) and one[1].description_code in _DISTRUST), None
        )
        if refused is not None:
            clues.append(Clue(refused[0], "the client does not trust it and says so in an alert"))
        return Judged(Fate.TLS_INTERCEPTED, confidence, TLS, tuple(clues))
    if hello.version in OLD or any(one in hello.cipher_suite for one in WEAK):
        return Judged(
            Fate.TLS_WEAK, 1.0, TLS, (Clue(at, f"the server chose {hello.version} with {hello.cipher_suite}"),)
        )
    if _answered_here(flow) or flow.through is not None:
        return Judged(
            Fate.OK, 0.7, TLS, (Clue(at, f"{hello.version} by way of a proxy, which may have answered itself"),)
        )
    return Judged(Fate.OK, 1.0, TLS, (Clue(at, f"the server answered with {hello.version}"),))


_DISTRUST: Final = frozenset({42, 46, 48})
"""``bad_certificate``, ``certificate_unknown``, ``unknown_ca``."""


def _alert(flow: Flow, context: Context) -> Judged | None:
    found = next(((at, one) for at, one in flow.messages if isinstance(one, Alert) and one.level_code == 2), None)
    if found is None or flow.hello is None:
        return None
    at, alert = found
    clue = Clue(
        at,
        f"fatal alert {alert.description} in reply to the hello",
        (("description_code", alert.description_code or 0),),
    )
    if alert.description_code == TOO_OLD and flow.outdated:
        return inconclusive(TLS, at, "the client offers versions only that servers have given up", clue)
    return _contrasted(Fate.TLS_ALERT, flow, clue, context, 0.6)


# ---- resets ----


def _reset(flow: Flow, reset: ResetSeen, context: Context) -> Judged:
    """A reset in the direction of the client."""
    if flow.synack is None and flow.hello is None:
        return _refused(flow, reset, context)
    after_hello = flow.hello is not None and flow.hello <= reset.sight.at
    fate = Fate.TCP_RESET_AFTER_HELLO if after_hello else Fate.TCP_RESET_AFTER_SYN
    stage = _stage(flow) if after_hello else TCP
    when = f"after the {_first(flow)}" if after_hello else "before any data"
    clue = Clue(reset.sight.at, f"RST {when}, without an answer to it", _numbers(reset))
    if reset.sight.here and not _answered_here(flow):
        return Judged(fate, 0.95, stage, (clue, Clue(reset.sight.at, "this gateway made the RST itself")))
    if flow.synack_passed_on and not reset.passed_on:
        what = "the server's packets were seen on both sides of this gateway, the RST on one"
        return Judged(fate, 0.9, stage, (clue, Clue(reset.sight.at, what)))
    if (sign := _injected(flow, reset)) is not None:
        return Judged(Fate.RESET_INJECTED, 0.9, stage, (clue, sign))
    if flow.client_fin is not None and flow.client_fin <= reset.sight.at:
        closed = inconclusive(stage, reset.sight.at, "the client had closed before", clue)
        return _mute(flow, flow.client_fin, context) or closed
    if flow.synack is None:
        return inconclusive(stage, reset.sight.at, "one direction is seen only", clue)
    if reset.sight.ttl != flow.synack.ttl:
        what = f"its TTL is {reset.sight.ttl}, that of the server's packets {flow.synack.ttl}"
        sign = Clue(reset.sight.at, what, (("ttl", flow.synack.ttl),))
        # where clients are, a full TTL is that of the router next to them
        sure = 0.85 if reset.sight.ttl in FULL and reset.sight.here is None else 0.65
        return Judged(fate, min(0.9, sure + 0.05 * context.repeats), stage, (clue, sign))
    if _answered_here(flow) or context.other is not None:
        return _contrasted(fate, flow, clue, context, 0.6)
    itself = inconclusive(stage, reset.sight.at, "the server itself may reset: nothing tells that another did", clue)
    return _silence(flow, context) or itself


def _refused(flow: Flow, reset: ResetSeen, context: Context) -> Judged:
    clue = Clue(reset.sight.at, "RST in reply to the SYN", _numbers(reset))
    if reset.sight.here:
        return Judged(Fate.TCP_REFUSED, 0.95, TCP, (clue, Clue(reset.sight.at, "this gateway made the RST itself")))
    usual = context.usual_ttl
    if usual is not None and abs(usual - reset.sight.ttl) > APART:
        what = f"the server's answers had TTL {usual}"
        return Judged(Fate.TCP_REFUSED, 0.8, TCP, (clue, Clue(reset.sight.at, what, (("ttl", usual),))))
    if reset.sight.here is None and _no_hop(flow, reset):
        what = f"its TTL of {reset.sight.ttl} has passed no router, while the server is behind one"
        return Judged(Fate.TCP_REFUSED, 0.75, TCP, (clue, Clue(reset.sight.at, what)))
    return inconclusive(TCP, reset.sight.at, "the server itself may refuse: nothing tells that another did", clue)


def _no_hop(flow: Flow, reset: ResetSeen) -> bool:
    """Whether client and sender of a reset are both next to where the packets were seen, on different networks."""
    if flow.syn is None or reset.passed_on or reset.sight.ttl not in FULL or flow.syn.ttl not in FULL:
        return False
    length = 3 if flow.family == 4 else 8
    return flow.client[:length] != flow.server[:length] and not _is_loopback(flow.client)


def _is_loopback(address: bytes) -> bool:
    return address[0] == 127 if len(address) == 4 else address == bytes(15) + b"\1"


def _injected(flow: Flow, reset: ResetSeen) -> Clue | None:
    """What tells that the server did not send it."""
    at = reset.sight.at
    if flow.synack is not None and abs(flow.synack.ttl - reset.sight.ttl) > APART:
        what = f"its TTL is {reset.sight.ttl}, that of the server's packets {flow.synack.ttl}"
        return Clue(at, what, (("ttl", flow.synack.ttl),))
    if flow.server_next >= 0 and flow.heard is None and reset.seq not in (flow.server_next, 0):
        what = f"its sequence number is {reset.seq}, the server had come to {flow.server_next}"
        return Clue(at, what, (("seq", flow.server_next),))
    if flow.heard is not None and flow.heard > at:
        return Clue(flow.heard, "the server went on sending after it")
    return None


def _client_reset(flow: Flow, reset: ResetSeen, context: Context) -> Judged | None:
    """A reset in the direction of the server: the client went away, or something spoke in its name."""
    stage = _stage(flow)
    clue = Clue(reset.sight.at, "RST from the client's address", _numbers(reset))
    if flow.syn is not None and not reset.sight.here and abs(flow.syn.ttl - reset.sight.ttl) > APART:
        what = f"its TTL is {reset.sight.ttl}, that of the client's packets {flow.syn.ttl}"
        return Judged(Fate.RESET_INJECTED, 0.85, stage, (clue, Clue(reset.sight.at, what, (("ttl", flow.syn.ttl),))))
    return _silence(flow, context) or inconclusive(stage, reset.sight.at, "the client went away", clue)


def _numbers(reset: ResetSeen) -> tuple[tuple[str, str | int], ...]:
    found: list[tuple[str, str | int]] = [("ttl", reset.sight.ttl), ("seq", reset.seq), ("ack", reset.ack)]
    if reset.sight.ip_id is not None:
        found.append(("ip_id", reset.sight.ip_id))
    return tuple(found)


def _contrasted(fate: Fate, flow: Flow, clue: Clue, context: Context, least: float) -> Judged:
    """A fate that a server may also bring about itself: how sure it is depends on what else is seen."""
    stage = TCP if fate is Fate.TCP_RESET_AFTER_SYN else _stage(flow)
    if _answered_here(flow):
        if context.connected:
            return inconclusive(stage, clue.at, "the proxy here tried to reach the server: it may be the server", clue)
        return Judged(
            fate, 0.85, stage, (clue, Clue(clue.at, "a proxy on this gateway answered, and asked nobody else"))
        )
    if context.other is not None:
        what = f"{context.repeats + 1} times so, while another name passes at the same address"
        return Judged(fate, min(0.95, 0.8 + 0.05 * context.repeats), stage, (clue, Clue(clue.at, what)))
    if context.lately:
        return inconclusive(stage, clue.at, "the same name passed a moment ago", clue)
    return Judged(fate, min(0.8, least + 0.1 * context.repeats), stage, (clue,))


# ---- silence ----


def _closed(flow: Flow, at: float, context: Context) -> Judged:
    clue = Clue(at, f"the server closed after the {_first(flow)}, without a word")
    if _answered_here(flow) or (context.other is not None and context.repeats):
        return _contrasted(_silent(flow), flow, clue, context, 0.6)
    return inconclusive(_stage(flow), at, "a server may close by itself", clue)


def _waiting(flow: Flow, now: float, context: Context) -> Judged | None:
    if flow.synack is None and flow.hello is None:
        if not flow.syns or not (context.over or now - flow.sent >= SYN_WAIT):
            return None
        return _unanswered(flow, context)
    if flow.hello is None:
        idle = flow.client_fin if flow.client_fin is not None else flow.begin + GIVE_UP
        return inconclusive(TCP, now, "nothing was said on the connection") if now >= idle or context.over else None
    gone = flow.client_fin is not None and now - flow.client_fin >= SETTLE
    if not (gone or context.over or now - flow.hello >= GIVE_UP):
        return None
    if (found := _silence(flow, context) or _mute(flow, now, context)) is not None:
        return found
    stage, first = _stage(flow), _first(flow)
    if flow.heard is not None:
        return inconclusive(stage, flow.heard, "the server answered with what is not understood")
    if flow.synack is None:
        return inconclusive(stage, flow.hello, "one direction is seen only")
    why = "the client went away" if gone else f"no answer to {count(flow.hello_sends, first)} while it was watched"
    return inconclusive(stage, flow.hello, why)


def _unanswered(flow: Flow, context: Context) -> Judged:
    clue = Clue(flow.sent, f"{count(flow.syns, 'SYN')} without an answer", (("syns", flow.syns),))
    if context.lossy:
        return inconclusive(TCP, flow.sent, "packets went by unseen meanwhile", clue)
    if context.silent < SYNS:
        return inconclusive(TCP, flow.sent, "so few may be lost by chance", clue)
    if context.out_seen:
        if not context.crossed:
            what = "none of them left this gateway, while others did"
            return Judged(Fate.TCP_UNANSWERED, 0.95, TCP, (clue, Clue(flow.sent, what)))
        return inconclusive(TCP, flow.sent, "they left this gateway: the server may be dead", clue)
    return inconclusive(TCP, flow.sent, "the server may be dead: the way out was not watched", clue)


def _silence(flow: Flow, context: Context) -> Judged | None:
    """Whether the hello was sent again and again, and no word came back."""
    if flow.hello is None or flow.synack is None or flow.heard is not None or flow.hello_sends < HELLOS:
        return None
    stage, fate, first = _stage(flow), _silent(flow), _first(flow)
    what = f"the {first} was sent {flow.hello_sends} times without a word in return"
    clue = Clue(flow.hello, what, (("sends", flow.hello_sends),))
    if context.lossy or flow.unseen:
        return inconclusive(stage, flow.sent, "packets went by unseen meanwhile", clue)
    if context.out_seen and not context.hello_crossed:
        what = "it never left this gateway, while others did"
        return Judged(fate, 0.95, stage, (clue, Clue(flow.sent, what)))
    if context.other is not None:
        return _contrasted(fate, flow, clue, context, 0.8)
    if flow.hello_size >= FULL_SEGMENT and not context.large_passes:
        return inconclusive(stage, flow.sent, "segments of this size may be too large for the road", clue)
    if context.lately:
        return inconclusive(stage, flow.sent, "the same name passed a moment ago", clue)
    return Judged(fate, min(0.8, 0.6 + 0.1 * context.repeats), stage, (clue,))


def _mute(flow: Flow, until: float, context: Context) -> Judged | None:
    """A proxy on this gateway that took the hello, and neither answered nor asked anybody."""
    if not _answered_here(flow) or flow.hello is None or flow.heard is not None or context.connected:
        return None
    if until - flow.hello < PATIENCE or context.lossy:
        return None
    clue = Clue(until, f"no word after the {_first(flow)} for {until - flow.hello:.1f} s")
    return _contrasted(_silent(flow), flow, clue, context, 0.6)


def _stage(flow: Flow) -> OutcomeStage:
    """How far the client came."""
    return TCP if flow.hello is None else HTTP if flow.plain else TLS


def _first(flow: Flow) -> str:
    """What the client sent first."""
    return "request" if flow.plain else "hello"


def _silent(flow: Flow) -> Fate:
    return Fate.TCP_UNANSWERED if flow.plain else Fate.TLS_SILENT_AFTER_HELLO


def _answered_here(flow: Flow) -> bool:
    return flow.synack is not None and flow.synack.here is True
