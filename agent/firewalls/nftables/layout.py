"""How nft lays out a listing in JSON: enough to take it apart without reading it as a whole."""

from __future__ import annotations

import re
from typing import Final

BEFORE_RULE: Final = b', {"rule": '
"""Cannot stand within a string, whose quotes are escaped, nor deeper: no statement has this key."""
RULE: Final = re.compile(rb'\{"family": "([^"\\]+)", "table": "([^"\\]+)", "chain": "([^"\\]+)", ')
AFTER_RULE: Final = re.compile(
    rb'\}\}, (?=\{"(?:table|chain|set|map|element|flowtable|counter|quota|limit|secmark|synproxy|ct [a-z]+)":'
    rb' \{"family": )'
)
"""The end of a rule with another object behind it; statements of these names do not begin with a family."""
SET: Final = re.compile(rb'\{"(set|map)": (\{"family": "[^"\\]+", "name": "[^"\\]+", "table": "[^"\\]+", )')
"""The beginning of a set or map."""
