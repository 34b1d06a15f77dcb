"""What becomes of a required domain's names before any packet is sent: hosts files and resolvers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.judge.opinion import Opinion
from agent.judge.wording import MAX_NAMES
from agent.model.intervals import address_text
from agent.model.names import covers
from agent.model.public import PUBLIC
from agent.model.vocabulary import HOST, Reach, Stage

if TYPE_CHECKING:
    from agent.judge.answers import Answers
    from agent.judge.reach import Prover
    from agent.model.gateway import Gateway, Zone
    from agent.model.proxy import Proxy
    from agent.model.requirement import Requirement


NAMES: Final = "names"
FINE: Final = Opinion(NAMES, Reach.ALLOWED, "nothing here leads them elsewhere")


class NameStage:
    """The sources of names of one gateway."""

    def __init__(self, gateway: Gateway, prover: Prover) -> None:
        self._gateway = gateway
        self._answers: Answers | None = None
        if gateway.resolvers and gateway.network.known:
            from agent.judge.answers import Answers  # noqa: PLC0415 - most gateways have no resolver; it costs 10 ms

            self._answers = Answers(gateway, prover)

    def opinions(self, requirement: Requirement, zone: Zone) -> dict[int, Opinion]:
        """Give the opinion for each family; none where nobody here is asked."""
        if zone.name == HOST and (by_hosts := _hosts_file(self._gateway, requirement)):
            return {4: by_hosts, 6: by_hosts}
        return self._answers.opinions(requirement, self._answers.serving(zone)) if self._answers else {}

    def of_proxy(self, requirement: Requirement, proxy: Proxy) -> dict[int, Opinion]:
        """Give the opinion on the names that a proxy of this host looks up itself."""
        if not proxy.nameservers and (by_hosts := _hosts_file(self._gateway, requirement)):
            return {4: by_hosts, 6: by_hosts}
        return self._answers.opinions(requirement, self._answers.asked_by(proxy)) if self._answers else {}

    def same_servers(self, zone: Zone, proxy: Proxy) -> bool:
        """Whether a zone's clients and a proxy get their addresses from the same resolver here, and no other."""
        if self._answers is None:
            return False
        mine = {resolver for resolver, _ in self._answers.serving(zone)}
        return len(mine) == 1 and mine == {resolver for resolver, _ in self._answers.asked_by(proxy)}


def _hosts_file(gateway: Gateway, requirement: Requirement) -> Opinion | None:
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
    verdict = Reach.BLOCKED if whole else Reach.PARTIAL
    return Opinion(NAMES, verdict, because, tuple(entry.source for entry in wrong), (Stage.DNS,), by="hosts")
