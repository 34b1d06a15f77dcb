"""Pi-hole's lists as rules, against one question at a time as FTL takes it through its lists."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.resolvers.test_pihole import NULL, answer, read

if TYPE_CHECKING:
    from tests.resolvers.gravity import Statement

DOMAINS: Final = ("livechat.com", "a.livechat.com", "b.livechat.com", "x.a.livechat.com", "com")
NAMES: Final = (*DOMAINS[:-1], "y.x.a.livechat.com", "c.livechat.com")
CLIENTS: Final = {"10.0.0.1": ("10.0.0.0/8",), "10.1.0.1": ("10.0.0.0/8", "10.1.0.0/16"), "192.168.0.1": ()}
EXPRESSIONS: Final = (
    "^a\\.livechat\\.com$", "(^|\\.)a\\.livechat\\.com$", "\\.livechat\\.com$", "livechat\\.com$", "(\\.|^)com$",
    "\\.a\\.livechat\\.com$;invert", "^livechat\\.com$;querytype=AAAA", "b\\.livechat\\.com$;querytype=!A;invert", ".*;querytype=MX",
)  # fmt: skip
GROUPS: Final = (0, 1, 2)

groups = st.sets(st.sampled_from(GROUPS), max_size=3)
entry = st.tuples(st.sampled_from((0, 1)), st.sampled_from(DOMAINS), groups)
expression = st.tuples(st.sampled_from((2, 3)), st.sampled_from(EXPRESSIONS), groups)
listed = st.tuples(st.sampled_from(DOMAINS), st.booleans(), st.sampled_from((1, 2)))
cases = st.fixed_dictionaries({
    "domains": st.lists(entry | expression, max_size=5, unique_by=lambda one: one[:2]),
    "gravity": st.lists(listed, max_size=4),
    "antigravity": st.lists(listed, max_size=2),
    "adlists": st.tuples(groups, groups),
    "clients": st.dictionaries(st.sampled_from(("10.0.0.0/8", "10.1.0.0/16")), groups),
    "off": groups,
})  # fmt: skip


def statements(case: dict[str, Any]) -> list[Statement]:
    found: list[Statement] = ["INSERT INTO \"group\" (id, name) VALUES (1, 'one'), (2, 'two')"]
    found += [('UPDATE "group" SET enabled = 0 WHERE id = ?', (number,)) for number in case["off"]]
    for at, (kind, text, mine) in enumerate(case["domains"], 1):
        found.append(("INSERT INTO domainlist (id, type, domain) VALUES (?, ?, ?)", (at, kind, text)))
        found.append(("DELETE FROM domainlist_by_group WHERE domainlist_id = ?", (at,)))
        found += [("INSERT INTO domainlist_by_group VALUES (?, ?)", (at, group)) for group in mine]
    found.append("DELETE FROM adlist_by_group")
    for at, mine in enumerate(case["adlists"], 1):
        found += [("INSERT INTO adlist_by_group VALUES (?, ?)", (at, group)) for group in mine]
    for domain, tree, adlist in case["gravity"]:
        found.append(("INSERT INTO gravity VALUES (?, ?)", (f"||{domain}^" if tree else domain, adlist)))
    for domain, tree, adlist in case["antigravity"]:
        found.append(("INSERT INTO antigravity VALUES (?, ?)", (f"@@||{domain}^" if tree else domain, adlist)))
    for at, (block, mine) in enumerate(case["clients"].items(), 1):
        found.append(("INSERT INTO client (id, ip) VALUES (?, ?)", (at, block)))
        found.append(("DELETE FROM client_by_group WHERE client_id = ?", (at,)))
        found += [("INSERT INTO client_by_group VALUES (?, ?)", (at, group)) for group in mine]
    return found


def is_blocked(case: dict[str, Any], name: str, family: int, client: str) -> bool:
    """What FTL does with one question."""
    mine = next((case["clients"][block] for block in reversed(CLIENTS[client]) if block in case["clients"]), {0})
    on = set(mine) - case["off"]
    domains = [(kind, text) for kind, text, given in case["domains"] if given & on]
    above = [name.split(".", depth)[-1] for depth in range(name.count(".") + 1)]

    def fits(kind: int) -> bool:
        for found, text in domains:
            regex, *options = text.split(";")
            types = {"querytype=AAAA": {6}, "querytype=!A": {6}, "querytype=MX": set()}
            families = next((types[one] for one in options if one in types), {4, 6})
            if (
                found == kind
                and family in families
                and (re.search(regex, name) is not None) is not ("invert" in options)
            ):
                return True
        return False

    def is_in(table: str) -> bool:
        return any(
            case["adlists"][adlist - 1] & on and (domain in above if tree else domain == name)
            for domain, tree, adlist in case[table]
        )

    if (0, name) in domains or fits(2):
        return False
    if (1, name) in domains:
        return True
    return not is_in("antigravity") and (is_in("gravity") or fits(3))


@settings(max_examples=60)
@given(cases)
def test_each_question_fares_as_in_ftl(case: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = read(Path(folder), statements(case))
    assert not found.gaps
    said = {}
    for client in CLIENTS:
        for name in NAMES:
            for family, null in ((4, NULL), (6, "::")):
                theirs = null if is_blocked(case, name, family, client) else "passed-on"
                said[client, name, family] = (answer(found, name, family, client), theirs)
    assert {key: mine for key, (mine, _) in said.items()} == {key: theirs for key, (_, theirs) in said.items()}
