"""Random patterns, put together from what the dialects have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

COMMON: Final = (
    *"aabbc1-_.AB",
    *("^", "$", "(", ")", "|", "*", "+", "?", "{2}", "{1,2}", "{1,}", "{0}", "{", "}", ","),
    *("[ab]", "[^a]", "[a-c]", "[^a-c.-]", "[[:alpha:]]", "[[:digit:]_]", "[^[:alnum:]]", "[]a]", "[a-]", "["),
    *(
        "[[:upper:]]",
        "[[:lower:]]",
        "[_-a]",
        "[A-z]",
        "[--a]",
        "[Z-a]",
        "(a|b)",
        "(ab)*",
        "(^|[.])",
        "(.*)",
        ".*",
        ".+",
    ),
    *("()", "(|a)", r"\.", r"\-", r"\w", r"\W", r"\s", r"\S", r"\b", r"\B"),
)
EXTENDED: Final = (*COMMON, "{,2}", r"\<", r"\>", r"\`", r"\'", r"\a", "[[.-.]-a]", "[[=a=]b]", r"\1")
BASIC: Final = (*EXTENDED, r"\(", r"\)", r"\|", r"\+", r"\?", r"\{2\}", r"\{1,2\}", r"\(a\|b\)*", r"\(^a\)", r"\(a$\)")
PERL: Final = (
    *COMMON,
    *(
        "(?:a|b)",
        "(?i)",
        "(?i:a)",
        "(?-i)",
        "(?x: a b )",
        "(?#x)",
        "(?<n>a)",
        "(?|a|b)",
        "(?^:a)",
        "(?=a)",
        "(?",
        r"\1",
    ),
    *("*?", "+?", "??", "{1,2}?", "++", "{,2}", r"\d", r"\D", r"\h", r"\A", r"\z", r"\Z", r"\Qa.b\E", r"\E", r"\n"),
    *(r"\x61", r"\x{62}", r"\07", r"\_", r"\c", r"[\d_]", r"[\w.]", r"[a\-b]", r"[\b]", r"[^\W]", r"[a-\d]", r"[\d-a]"),
    *("[[:word:]]", "[[:^alpha:]]", "[[:^digit:][:^alpha:]]"),
)
SHELL: Final = (
    *"aabbc1-_.AB",
    *("*", "?", "[ab]", "[!a]", "[^a]", "[a-c]", "[]a]", "[!]a]", "[a-]", "[--a]", "[c-a]", "[a-c-e]", "[", "[a", "]"),
    *("[[:alpha:]]", "[![:digit:]]", "[[:foo:]]", "[[=a=]]", "[[.-.]a]", r"\*", r"\a", r"\\", r"[\]a]", "[!"),
)
LETTERS: Final = "aaabbbc1-_..AB"


def pattern_of(chance: random.Random, atoms: tuple[str, ...]) -> str:
    return "".join(chance.choice(atoms) for _ in range(chance.randint(1, 8)))


def name_of(chance: random.Random) -> str:
    return "".join(chance.choice(LETTERS) for _ in range(chance.randint(0, 7)))
