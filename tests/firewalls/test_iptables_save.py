"""The syntax of iptables-save: words, options, tables, and text that is none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.firewalls.iptables.save import Line, Option, Section, options, parse, words


def sections(text: str) -> list[Section]:
    return list(parse(text))


def one(text: str) -> Section:
    (section,) = sections(text)
    return section


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-j  DROP", ["-j", "DROP"]),
        ('--comment "two words"', ["--comment", "two words"]),
        ('--comment "it\\\'s \\"a\\" \\\\ b" -j X', ["--comment", 'it\'s "a" \\ b', "-j", "X"]),
        ('--comment "" -j X', ["--comment", "", "-j", "X"]),
        ("--comment it's", ["--comment", "it's"]),
        ('--log-prefix x"y z" -j', ["--log-prefix", "xy z", "-j"]),
        ("--comment a\\b", ["--comment", "a\\b"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(Line(text, text, 1)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-s 1.2.3.4 -j DROP", [("-s", False, ("1.2.3.4",)), ("-j", False, ("DROP",))]),
        ("! -s 1.2.3.4", [("-s", True, ("1.2.3.4",))]),
        ("-s ! 1.2.3.4 ! -d 2.3.4.5", [("-s", True, ("1.2.3.4",)), ("-d", True, ("2.3.4.5",))]),
        ("--tcp-flags ! SYN,ACK SYN", [("--tcp-flags", True, ("SYN,ACK", "SYN"))]),
        ("--match-set a src ! --syn", [("--match-set", False, ("a", "src")), ("--syn", True, ())]),
        ("--comment -j -j DROP", [("--comment", False, ("-j",)), ("-j", False, ("DROP",))]),
        ('--comment "!" -j DROP', [("--comment", False, ("!",)), ("-j", False, ("DROP",))]),
        ('--string "-j" --set-mark -1', [("--string", False, ("-j",)), ("--set-mark", False, ("-1",))]),
        ('--string ! "x"', [("--string", True, ("x",))]),
        ("-m comment ! --comment", [("-m", False, ("comment",)), ("--comment", True, ())]),
    ],
)
def test_options(text: str, expected: list[tuple[str, bool, tuple[str, ...]]]) -> None:
    assert options(words(Line(text, text, 1))) == [Option(*option) for option in expected]


@pytest.mark.parametrize("text", ["DROP", "! DROP", "-s a ! b"])
def test_words_that_belong_to_no_option(text: str) -> None:
    with pytest.raises(ValueError, match="stands where an option is expected"):
        options(text.split())


def test_tables_chains_counters_and_comments() -> None:
    text = (
        "# Generated\n*nat\n:PREROUTING ACCEPT [1:2]\n:web - [0:0]\nCOMMIT\n# Completed\n\n"
        '*filter\n:FORWARD DROP [0:0]\n[3:4] -A FORWARD -m comment --comment "x [5:6] y" -j DROP\nCOMMIT\n'
    )
    nat, filtering = sections(text)
    assert (nat.name, nat.policies, nat.committed) == ("nat", {"PREROUTING": "ACCEPT", "web": "-"}, True)
    (rule,) = filtering.rules["FORWARD"]
    assert rule.text == '-A FORWARD -m comment --comment "x [5:6] y" -j DROP'
    assert rule.number == 10


def test_lines_end_at_newlines_only() -> None:
    (rule,) = one('*filter\r\n-A F --comment "a\x0b\u2028b" -j X\r\nCOMMIT\r\n').rules["F"]
    assert words(rule)[1] == "a\x0b\u2028b"


def test_what_iptables_dash_s_prints() -> None:
    section = one("-P INPUT ACCEPT\n-P FORWARD DROP\n-N web\n-A FORWARD -j web\n")
    assert (section.name, section.committed) == ("filter", True)
    assert section.policies == {"INPUT": "ACCEPT", "FORWARD": "DROP", "web": "-"}
    assert [rule.text for rule in section.rules["FORWARD"]] == ["-A FORWARD -j web"]


def test_insertions_stand_where_they_say() -> None:
    section = one("*filter\n-A F -j A\n-A F -j B\n-I F -j C\n-I F 2 -j D\nCOMMIT\n")
    assert [words(rule)[1] for rule in section.rules["F"]] == ["C", "D", "A", "B"]


@pytest.mark.parametrize("cut", ['-A FORWARD -m comment --comment "ab', "-A", "[0:0", "COMMI"])
def test_a_last_line_that_was_cut_is_left_out(cut: str) -> None:
    section = one(f"*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j DROP\n{cut}")
    assert not section.committed
    assert [rule.text for rule in section.rules["FORWARD"]] == ["-A FORWARD -j DROP"]
    assert section.last == 4


@pytest.mark.parametrize(
    "text",
    [
        "hello\n",
        "-A FORWARD -j DROP\n",
        "*filter\nnonsense\nCOMMIT\n",
        "*filter\n-D FORWARD 1\nCOMMIT\n",
        "*filter\n[1:2]\nCOMMIT\n",
        '*filter\n-A FORWARD --comment "x\nCOMMIT\n',
        "-P INPUT ACCEPT\n-A\n",
    ],
)
def test_foreign_text_says_where(text: str) -> None:
    with pytest.raises(Malformed, match=r"line \d") as caught:
        sections(text)
    assert caught.value.line in {1, 2}


@given(st.text(max_size=200) | st.text(alphabet=st.sampled_from("*:-AIPN!\"'\\ \nfilterCOMMIT[]#0"), max_size=80))
def test_the_reader_fails_in_one_way_only(text: str) -> None:
    with suppress(Malformed):
        sections(text)


@given(st.text(alphabet=st.characters(exclude_characters="\n\0", codec="utf-8"), max_size=40))
def test_quoting_is_undone(comment: str) -> None:
    quoted = comment.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
    line = f'--comment "{quoted}" -j DROP'
    assert options(words(Line(line, line, 1))) == [
        Option("--comment", negated=False, args=(comment,)),
        Option("-j", negated=False, args=("DROP",)),
    ]
