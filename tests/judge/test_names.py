"""Names: split exactly by the rules about them, and summed up for each zone and family."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.judge.namespace import MAX_PARTS, parts
from agent.model.requirement import Requirement
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Scope, TriggerTree

LABELS = st.sampled_from(["a", "b", "ab", "new", "neww", "x"])
BELOW = st.lists(LABELS, max_size=3).map(lambda labels: ".".join((*labels, "livechat.com")))
WITHIN = st.tuples(st.sampled_from(["a", "b", "w", "livechat", "chat", "t"]), BELOW).map(
    lambda pair: NameSet(
        Scope.WITHIN, f"{pair[0]}.{pair[1]}" if pair[0] not in ("chat", "t", "livechat") else f"{pair[0]}.com"
    )
)
SETS = st.lists(
    st.one_of(
        st.builds(
            NameSet, st.sampled_from([Scope.EXACT, Scope.SUBTREE, Scope.BELOW]), st.one_of(BELOW, st.just("com"))
        ),
        WITHIN,
    ),
    max_size=6,
)


@given(SETS, BELOW, st.booleans())
def test_every_name_is_treated_like_the_sample_of_some_part(sets: list[NameSet], name: str, apex: bool) -> None:
    need = Requirement("p", "*.livechat.com", (), apex)
    if name == "livechat.com" and not apex:
        return
    known = {tuple(part.sample in one for one in sets) for part in parts(need, sets)}
    assert tuple(name in one for one in sets) in known


@given(SETS)
def test_samples_are_names_of_the_requirement_and_no_two_alike(sets: list[NameSet]) -> None:
    found = [part.sample for part in parts(Requirement("p", "*.livechat.com", (), apex=False), sets)]
    assert len(set(found)) == len(found)
    assert all(name.endswith(".livechat.com") for name in found)


def test_a_plain_name_is_one_part() -> None:
    (only,) = parts(Requirement("p", "api.x.com", ()), [NameSet(Scope.SUBTREE, "x.com")])
    assert only.sample == "api.x.com"


def test_more_names_than_anybody_lists_are_refused() -> None:
    sets = [NameSet(Scope.EXACT, f"n{number}.x.com") for number in range(MAX_PARTS)]
    with pytest.raises(ValueError, match="more than"):
        parts(Requirement("p", "*.x.com", ()), sets)


OWNERS = st.lists(
    st.one_of(BELOW, BELOW.map("*.{}".format), st.sampled_from(["*", "com", "*.com", "k.com"])), unique=True, max_size=6
)


@given(OWNERS, BELOW)
def test_every_name_fares_in_a_tree_like_the_sample_of_some_part(owners: list[str], name: str) -> None:
    tree = TriggerTree.of((NameRule(NameSet(Scope.EXACT, owner), Outcome(Fate.NXDOMAIN), None),) for owner in owners)
    known = {tree.find(part.sample, 4) for part in parts(Requirement("p", "*.livechat.com", (), apex=True), tree.sets)}
    assert tree.find(name, 4) in known


def test_a_tree_asks_the_wildcard_of_one_ancestor_alone() -> None:
    owners = ("*.com", "x.y.com", "new.com")
    tree = TriggerTree.of((NameRule(NameSet(Scope.EXACT, owner), Outcome(Fate.NXDOMAIN), None),) for owner in owners)
    found = {name: tree.find(name, 4) for name in ("a.y.com", "z.y.com", "zz.com", "b.new.com", "new.com", "x.org")}
    assert {name for name, rule in found.items() if rule} == {"a.y.com", "zz.com", "new.com"}
