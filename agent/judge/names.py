"""What becomes of a required domain's names before any packet is sent: hosts files and resolvers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import address_text
from agent.model.names import covers
from agent.model.public import PUBLIC
from agent.model.record import record
from agent.model.vocabulary import HOST, Reach

if TYPE_CHECKING:
    from agent.judge.answers import Answers
    from agent.judge.reach import Prover
    from agent.model.gateway import Gateway, Zone
    from agent.model.requirement import Requirement
    from agent.model.source import Source

MAX_NAMES: Final = 3
"""Names listed in a sentence."""


@record
class NameOpinion:
    """What the sources of names say about one requirement, zone and family.

    ``not-routed``: no name of it has addresses of this family, though it has some of the other.
    """

    verdict: Reach
    because: str = ""
    sources: tuple[Source, ...] = ()
    resolver: str = ""
    """The kind of program that decides, ``hosts`` for a hosts file."""


FINE: Final = NameOpinion(Reach.ALLOWED)


class NameStage:
    """The sources of names of one gateway."""

    def __init__(self, gateway: Gateway, prover: Prover) -> None:
        self._gateway = gateway
        self._answers: Answers | None = None
        if gateway.resolvers and gateway.network.known:
            from agent.judge.answers import Answers  # noqa: PLC0415 - most gateways have no resolver; it costs 10 ms

            self._answers = Answers(gateway, prover)

    def opinions(self, requirement: Requirement, zone: Zone) -> dict[int, NameOpinion]:
        """Give the opinion for each family; none where nobody here is asked."""
        if zone.name == HOST and (by_hosts := _hosts_file(self._gateway, requirement)):
            return {4: by_hosts, 6: by_hosts}
        return self._answers.opinions(requirement, zone) if self._answers else {}


def _hosts_file(gateway: Gateway, requirement: Requirement) -> NameOpinion | None:
    """Names that this host's own file sends where the service is not."""
    wrong = [
        entry
        for entry in gateway.hosts
        if covers(requirement.pattern, entry.name, apex=requirement.apex) and entry.address not in PUBLIC[entry.family]
    ]
    if not wrong:
        return None
    names = ", ".join(sorted({entry.name for entry in wrong})[:MAX_NAMES])
    address = address_text(wrong[0].address, wrong[0].family)
    because = f"the hosts file sends {names} to {address}: {wrong[0].source}"
    whole = any(entry.name == requirement.pattern for entry in wrong)
    return NameOpinion(
        Reach.BLOCKED if whole else Reach.PARTIAL, because, tuple(entry.source for entry in wrong), "hosts"
    )
