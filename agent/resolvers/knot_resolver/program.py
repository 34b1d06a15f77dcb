"""What the statements of a configuration set up, one after the other (``sandbox.lua``, ``view.lua``, ``daf.lua``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.kind import NOBODY
from agent.model.intervals import Interval, address_value, as_address, prefix_interval
from agent.model.network import Listener
from agent.model.record import record
from agent.model.resolver import Fate, NameSet, Outcome, Scope
from agent.model.source import Gap, Source
from agent.resolvers.knot_resolver.hints import Hints
from agent.resolvers.knot_resolver.options import HARMLESS, MODELLED, MODULES, MODULES_OPEN, OPEN, PURE, SETTING
from agent.resolvers.knot_resolver.rules import EVERY, FIXED, Rule, action_of, always, rules_of
from agent.resolvers.lua import Call, Computed, Name, Table, statements
from agent.resolvers.unbound.words import zone_name

if TYPE_CHECKING:
    from agent.model.names import Interest
    from agent.resolvers.lua import Statement, Value
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

KIND: Final = "kresd"
SYSTEM_HOSTS: Final = "/etc/hosts"
OPTIONAL: Final = frozenset({"hints", "view", "daf"})
"""Modules without which a call of theirs ends the program."""
QUIET: Final = (MODELLED | HARMLESS | PURE) - SETTING
"""What may be called to make a value."""
ADDING: Final = frozenset({"policy.add", "policy:add", "view:addr"})
MAX_BLOCKS: Final = 500
"""Blocks of clients that are told apart."""
_MODULE: Final = re.compile(r"\s*(\w+)\s*(?:([<>])\s*(\w+)\s*)?")
_DAF_ACTIONS: Final = {
    "pass": "policy.PASS", "deny": "policy.DENY", "drop": "policy.DROP", "tc": "policy.TC", "truncate": "policy.TC",
}  # fmt: skip


@record
class Renumbering:
    """Addresses in answers that are replaced, for all names or those below some."""

    family: int
    block: Interval
    target: int
    source: Source


@record
class ViewRule:
    """A rule for clients of one block."""

    family: int
    block: Interval
    rules: tuple[Rule, ...]


class Program:
    """A configuration as it is after all its statements; ``gaps`` are what could not be followed."""

    def __init__(self, following: Following, interest: Interest, folder: str) -> None:
        self._following = following
        self._interest = interest
        self._folder = folder
        self._modules: set[str] = set()
        self.policies: list[tuple[Rule, ...]] = []
        self.afterwards: list[tuple[Rule, ...]] = []
        self.renumbered: list[Renumbering] = []
        self.views: list[ViewRule] = []
        self.hints = Hints(interest)
        self.listeners: list[Listener] = []
        self.gaps: list[Gap] = []
        self.unguarded: Source | None = None
        """The statement that takes away the root's keys, without which nothing is validated."""

    def run(self, artifact: Artifact) -> None:
        """Go through one file."""
        try:
            found = statements(artifact)
        except Malformed as error:
            source = Source(artifact.name, "", error.line)
            self.gaps.append(Gap(KIND, f"line {error.line}: {error}", source))
            return
        for one in found:
            try:
                self._statement(one)
            except Malformed as error:
                place = f" (line {error.line})" if error.line else ""
                gap = Gap(KIND, f"line {one.source.line}: {error}{place}", one.source)
                self.gaps.append(gap)
                self._open_rules(one, gap)

    def _statement(self, one: Statement) -> None:
        value = one.value
        if hidden := next((name for name in one.inner if name not in QUIET), None):
            raise Malformed(f"{hidden or 'a function'} is called within something else")
        if isinstance(value, Computed) and not one.target:
            raise Malformed("a program decides")
        if isinstance(value, Call) and value.function == "trust_anchors.remove" and value.arguments == (".",):
            self.unguarded = one.source
        if isinstance(value, Call):
            self._call(value, one.source)
        elif one.target == "modules" and isinstance(value, Table):
            for name in value.row:
                self._load(name, None, one.source)
            for name, setting in value.fields:
                self._load(name, setting, one.source)
        elif one.target.startswith("modules."):
            self._load(one.target.removeprefix("modules."), value, one.source)
        elif one.target.startswith("hints."):
            name = one.target.removeprefix("hints.")
            self._needs("hints", one.target)
            self.hints.add(f"{name} {value}" if isinstance(value, str) else None, one.source)
        elif one.target.startswith(("policy", "view", "modules")) and one.target not in HARMLESS:
            raise Malformed(f"{one.target} is set by a program")

    def _open_rules(self, one: Statement, gap: Gap) -> None:
        """A rule that is not followed leaves those behind it open; a program may have taken away others as well."""
        name = one.value.function if isinstance(one.value, Call) else ""
        hidden = any(inner not in QUIET for inner in one.inner)
        if hidden or isinstance(one.value, Computed) or name.startswith(("policy", "view")):
            unknown = always(Outcome(Fate.UNKNOWN, because=str(gap)))
            at = len(self.policies) if name in ADDING and not hidden else 0
            self.policies.insert(at, (Rule(EVERY, unknown, one.source),))

    def _call(self, call: Call, source: Source) -> None:
        name = call.function
        self._needs(re.split(r"[.:]", name)[0], name)
        match name:
            case "policy.add" | "policy:add":
                self._policy(call, source)
            case "view:addr":
                self._view(call, source)
            case "hints.config" | "hints.add_hosts":
                self._hosts(call, source)
            case "hints.set":
                self.hints.add(call.arguments[0] if call.arguments else None, source)
            case "hints.del":
                self.hints.remove(call.arguments[0] if call.arguments else None)
            case "hints.use_nodata":
                self.hints.say_no = call.arguments != (False,)
            case "daf.add":
                self._daf(call.arguments[0] if call.arguments else None, source)
            case "modules.load":
                self._load(call.arguments[0] if call.arguments else None, None, source)
            case "net.listen":
                self._listen(call)
            case _ if name in OPEN:
                raise Malformed(f"{name}: {OPEN[name]}")
            case _ if name not in MODELLED and name not in HARMLESS:
                raise Malformed(f"{name} is not known")

    def _needs(self, module: str, name: str) -> None:
        if module in OPTIONAL and module not in self._modules:
            raise Malformed(f"{name} is used before the module is loaded")

    def _load(self, name: Value, setting: Value, source: Source) -> None:
        found = _MODULE.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            raise Malformed("the name of a module is computed")
        module, order, other = found.groups()
        if module in MODULES_OPEN:
            raise Malformed(f"module {module}: {MODULES_OPEN[module]}")
        if module not in MODULES:
            raise Malformed(f"module {module} is not known")
        if order and (module in ("view", "policy") or other in ("view", "policy")):
            raise Malformed(f"module {module} is put into an order of its own")
        self._modules.add(module)
        if module == "hints" and isinstance(setting, str):
            self._hosts(Call("hints.config", (setting,)), source)

    def _policy(self, call: Call, source: Source) -> None:
        rule = call.arguments[0] if call.arguments else None
        later = len(call.arguments) > 1 and call.arguments[1] is not None and call.arguments[1] is not False
        if isinstance(rule, Call) and rule.arguments and _is_renumbering(rule.arguments[0]):
            self._renumber(rule, source, later=later)
            return
        found = self._rules(rule, source)
        if not found:
            return
        if not later:
            self.policies.append(found)
            return
        allowed = (FIXED["policy.DENY"], FIXED["policy.REFUSE"])
        if any(outcome not in allowed for one in found for _, outcome in one.action.outcomes):
            raise Malformed("a rule for afterwards is not followed")
        self.afterwards.append(found)

    def _rules(self, rule: Value, source: Source) -> tuple[Rule, ...]:
        zone = None
        if isinstance(rule, Call) and rule.function == "policy.rpz":
            path = rule.arguments[1] if len(rule.arguments) > 1 else None
            if not isinstance(path, str):
                raise Malformed("the file of a policy zone is computed")
            zone = self._read(path, source)
        return rules_of(rule, source, self._interest, zone)

    def _read(self, path: str, source: Source) -> Artifact | None:
        """Give a file, as long as somebody asks about names."""
        whole = path if path.startswith("/") else f"{self._folder.rstrip('/')}/{path}"
        artifact = self._following.file(whole, source)
        return None if self._interest is NOBODY else artifact

    def _renumber(self, rule: Call, source: Source, *, later: bool) -> None:
        reroute = rule.arguments[0]
        pairs = reroute.arguments[0] if isinstance(reroute, Call) and reroute.arguments else None
        if not later or rule.function != "policy.all" or not isinstance(pairs, Table):
            raise Malformed("policy.REROUTE is not followed here")
        if len(pairs.fields) != 1 or len(reroute.arguments if isinstance(reroute, Call) else ()) > 1:
            raise Malformed("policy.REROUTE with more than one block is not followed")
        ((block, target),) = pairs.fields
        try:
            family, span = prefix_interval(block)
            value = address_value(target)[1] if isinstance(target, str) else None
        except ValueError as error:
            raise Malformed(str(error)) from error
        if value is None:
            raise Malformed("policy.REROUTE is computed")
        self.renumbered.append(Renumbering(family, span, value, source))

    def _view(self, call: Call, source: Source) -> None:
        if len(call.arguments) > 2 and call.arguments[2]:
            return  # for questions whose sender is not known: there are none
        block = call.arguments[0] if call.arguments else None
        if not isinstance(block, str) or len(call.arguments) < 2:
            raise Malformed("view:addr is computed")
        try:
            family, span = prefix_interval(block)
        except ValueError as error:
            raise Malformed(str(error)) from error
        if len(self.views) >= MAX_BLOCKS:
            raise Malformed(f"more than {MAX_BLOCKS} blocks of clients")
        self.views.append(ViewRule(family, span, self._rules(call.arguments[1], source)))

    def _daf(self, text: Value, source: Source) -> None:
        """``qname = x deny``, ``src = 192.168.0.0/16 forward 1.1.1.1``, ``deny``."""
        words = text.split() if isinstance(text, str) else []
        names = EVERY
        if words[:2] == ["qname", "="] and len(words) > 3:
            names = NameSet(Scope.SUBTREE, zone_name(words[2]))
            words = words[3:]
        action = words[0].lower() if words else ""
        if action in _DAF_ACTIONS and len(words) == 1:
            made = action_of(Name(_DAF_ACTIONS[action]))
        elif action == "forward" and len(words) == 2:
            servers = Table(tuple(words[1].split(",")))
            made = action_of(Call("policy.FORWARD", (servers,)))
        else:
            raise Malformed("a rule of the module daf is not followed")
        if self._interest.touches(names.text):
            self.policies.append((Rule(names, made, source),))

    def _hosts(self, call: Call, source: Source) -> None:
        """``hints.config`` begins anew, ``hints.add_hosts`` adds."""
        path = call.arguments[0] if call.arguments else None
        if call.function == "hints.config":
            self.hints = Hints(self._interest)
            if path is None:
                return
        if path is not None and not isinstance(path, str):
            raise Malformed(f"{call.function}: the file is computed")
        if artifact := self._read(path or SYSTEM_HOSTS, source):
            self.hints.hosts(artifact)

    def _listen(self, call: Call) -> None:
        addresses = call.arguments[0] if call.arguments else None
        port = call.arguments[1] if len(call.arguments) > 1 else 53.0
        options = call.arguments[2] if len(call.arguments) > 2 else None
        kind = options.get("kind") if isinstance(options, Table) else None
        for address in addresses.row if isinstance(addresses, Table) else (addresses,):
            if isinstance(address, str) and as_address(address.partition("%")[0]) and kind in (None, "dns"):
                number = int(port) if isinstance(port, float) else 53
                if kind == "dns" or number != 853:
                    self.listeners.append(Listener("udp", address, number))


def _is_renumbering(value: Value) -> bool:
    return isinstance(value, Call) and value.function == "policy.REROUTE"
