"""Rules whose outcome an audit cannot know, and why."""

from __future__ import annotations

from agent.model.expression import (
    Binary,
    Concat,
    Device,
    Expr,
    Fib,
    Literal,
    Lookup,
    NamedSet,
    Opaque,
    Read,
    UnknownTable,
)
from agent.model.firewall import (
    AnyOf,
    Chain,
    Match,
    NotUnderstood,
    Queue,
    Rule,
    Step,
    Table,
    Tproxy,
    Uncertain,
    Vmap,
    source_of,
)
from agent.model.record import record
from agent.model.source import Source  # noqa: TC001 - a return type that callers resolve


@record(eq=False)
class Doubt:
    """Something that leaves an answer open: a rule, or (``where`` None) a missing fact.

    Compared by identity, which the interpreter keeps: loads carry hundreds of doubts, and are hashed often.
    """

    what: str
    where: tuple[Table, Chain, Rule] | None = None

    @property
    def source(self) -> Source | None:
        """Where the rule stands."""
        return source_of(*self.where) if self.where else None

    def __str__(self) -> str:
        source = self.source
        return f"{self.what}: {source}" if source else self.what


NO_ROUTES = Doubt("no routing table")
REVERSE_PATH = Doubt("reverse path filter")
NO_INTERFACES = Doubt("whether it passes a bridge is not known without the interfaces")


def describe(step: Step) -> str:
    """Name what cannot be known about a step, for people."""
    match step:
        case Uncertain():
            return step.what if step.understood else f"not understood: {step.what}"
        case NotUnderstood():
            return f"not understood: {step.what}"
        case Queue():
            return "a program in user space decides"
        case Tproxy():
            return "whether a transparent proxy listens"
        case Match(members=NamedSet(elements=UnknownTable(reason))):
            return reason
        case Match():
            return f"{_subject(step.expr)} is not known"
        case AnyOf():
            opaque = [match for match in step.matches if isinstance(match.expr, Opaque)]
            return " or ".join(dict.fromkeys(_subject(one.expr) for one in opaque or step.matches)) + " is not known"
        case Vmap():
            return f"{_subject(step.key)} is not known"
        case _:
            return "not known"


def _subject(expr: Expr) -> str:
    match expr:
        case Read():
            return expr.field.name.lower().replace("_", " ")
        case Opaque():
            return expr.name
        case Binary():
            return _subject(expr.left)
        case Concat():
            return " . ".join(_subject(part) for part in expr.parts)
        case Lookup():
            return f"map {expr.table.name or 'element'}"
        case Device():
            return f"{expr.property} of {expr.interface.name.lower()}"
        case Fib():
            return f"route of {expr.address.name.lower()}"
        case Literal():
            return str(expr.value)
