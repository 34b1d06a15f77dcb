"""The directives of tinyproxy 1.11.1 (conf.c, conf-tokens.gperf): how each is written, and what it means for a name."""

from __future__ import annotations

import re
from typing import Final

from agent.snapshot.redact import GONE

_GONE: Final = re.escape(GONE.decode())
"""What stands in snapshots for a password, or for a user with one."""
_STRING: Final = r'"([^"]+)"'
_SWITCH: Final = r"(yes|on|no|off)"
_NUMBER: Final = r"([0-9]+)"
_WORD: Final = r"([-a-z0-9._]+)"
_IPV4: Final = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
_IPV6: Final = rf"(?:[0-9a-f:]{{2,39}}|[0-9a-f:]{{0,29}}:{_IPV4})"
_ADDRESS: Final = rf"({_IPV4}|{_IPV6})"
_CLIENT: Final = rf"({_IPV4}(?:/[0-9]+)?|{_IPV6}(?:/[0-9]+)?|[-a-z0-9._]+)"
_PLACE: Final = rf'(?P<host>{_IPV4}|[-a-z0-9._]+):(?P<port>[0-9]+)(?:[ \t]+"(?P<site>[^"]+)")?'


def _whole(value: str) -> re.Pattern[str]:
    return re.compile(rf"\A[ \t]+{value}[ \t]*\n?\Z", re.IGNORECASE)


_FORMS: Final = {
    _STRING: "anonymous defaulterrorfile filter logfile pidfile reversebaseurl statfile stathost viaproxyname",
    _SWITCH: """
        bindsame disableviaheader filtercasesensitive filterdefaultdeny filterextended filterurls reversemagic
        reverseonly syslog xtinyproxy
    """,
    _NUMBER: "connectport maxclients maxrequestsperchild maxspareservers minspareservers port startservers timeout",
    _WORD: "group user",
    _ADDRESS: "bind listen",
    _CLIENT: "allow deny",
    rf"{_WORD}[ \t]+({_GONE}|[-a-z0-9._]+)": "basicauth",
    rf"{_NUMBER}[ \t]+{_STRING}": "errorfile",
    rf"{_STRING}[ \t]+{_STRING}": "addheader",
    rf"{_STRING}(?:[ \t]+{_STRING})?": "reversepath",
    r"(bre|ere|fnmatch)": "filtertype",
    r"(critical|error|warning|notice|connect|info)": "loglevel",
}
WRITTEN: Final = {name: _whole(value) for value, names in _FORMS.items() for name in names.split()} | {
    # as it stands there: anything may follow a site without a proxy, and anything may come before the other types
    "upstream": re.compile(
        r'^[ \t]+(?P<none>none)[ \t]+"(?P<direct>[^"]+)"'
        rf"|(?P<type>http|socks4|socks5)[ \t]+(?:(?:{_GONE}|[^:]*:[^@]*)@)?{_PLACE}[ \t]*\n?\Z",
        re.IGNORECASE,
    )
}
"""What must follow each directive for tinyproxy to start."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names(
    """
    allow basicauth bind bindsame connectport deny filter filtercasesensitive filterdefaultdeny filterextended
    filtertype filterurls listen maxclients port reverseonly reversepath stathost upstream
    """
)
"""Read, and followed."""

HARMLESS: Final = _names(
    """
    addheader anonymous defaulterrorfile disableviaheader errorfile group logfile loglevel maxrequestsperchild
    maxspareservers minspareservers pidfile reversebaseurl startservers statfile syslog timeout user viaproxyname
    xtinyproxy
    """
)
"""Cannot change whether a name is reached: headers of cleartext pages, pages of its own, logs, processes, idle time."""

OPEN: Final = {"reversemagic": "a cookie may lead diverted pages to a reverse path"}
"""Not followed, and why that may matter."""
