"""What a rule is, and how rules are found and run.

A rule is a function from the case (gateway, proofs, verdicts) to hits. Its module's docstring is its manual
page; ``RULE = Rule(...)`` ends the file.
"""

from __future__ import annotations

from agent.judge.decided import Ranking, rank, standing
from agent.judge.proof import Proof
from agent.practice.rule import Case, Hit, Rule, Sight
from agent.practice.runner import find_rules, run

__all__ = ["Case", "Hit", "Proof", "Ranking", "Rule", "Sight", "find_rules", "rank", "run", "standing"]
