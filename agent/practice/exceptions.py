"""How each resolver and proxy makes an exception of one domain, in its own words.

``{apex}`` stands for the domain, ``{escaped}`` for it in a regular expression.
"""

from __future__ import annotations

import re
from typing import Final

from agent.model.names import apex_of

RESOLVERS: Final = {
    "dnsmasq": "add server=/{apex}/# instead: the longer domain wins",
    "unbound": (
        'add local-zone: "{apex}" always_transparent instead (the closest zone wins), or in front of a policy zone one'
        " with {apex} and *.{apex} CNAME rpz-passthru."
    ),
    "named": "put a policy zone with {apex} and *.{apex} CNAME rpz-passthru. first in response-policy instead",
    "pdns_recursor": (
        "load a policy zone with {apex} and *.{apex} CNAME rpz-passthru. before the others instead (rpzFile in"
        " lua-config-file)"
    ),
    "kresd": "add policy.add(policy.suffix(policy.PASS, policy.todnames({{'{apex}'}}))) before it instead",
    "pihole": "allow it instead: pihole --allow-regex '(\\.|^){escaped}$'",
    "adguardhome": "add the rule @@||{apex}^$important instead",
}
PROXIES: Final = {  # by program, and by the word that the line begins with where that takes another
    "squid": "acl gateproof dstdomain .{apex}, and http_access allow gateproof before it",
    "squid ssl_bump": "acl gateproof ssl::server_name .{apex}, and ssl_bump splice gateproof before it",
    "haproxy": "an acl with `-m end .{apex}` and `-m str {apex}`, and a rule that lets it pass before it",
    "nginx": ".{apex} in the map or server_name that lets names pass",
    "tinyproxy": (
        "(^|\\.){escaped}$ (with FilterExtended Yes) in the filter file where it lists what may pass (FilterDefaultDeny"
        " Yes); else take the line away that matches it"
    ),
    "privoxy": "a section {{ -block }} with the pattern .{apex} at the end of user.action",
    "e2guardian": "{apex} in exceptionsitelist",
    "dante": "socks pass {{ from: 0/0 to: .{apex} }} before it",
}


def resolver_exception(kind: str, pattern: str) -> str:
    """What to do at a resolver besides removing the line; empty where that is all."""
    return _filled(RESOLVERS.get(kind, ""), pattern)


def proxy_exception(kind: str, pattern: str, line: str) -> str:
    """What lets a domain pass at a proxy where a line stops it; empty where its words are not known."""
    special = PROXIES.get(f"{kind} {line.partition(' ')[0]}", "")
    return _filled(special or PROXIES.get(kind, ""), pattern)


def _filled(text: str, pattern: str) -> str:
    apex = apex_of(pattern)
    return text.format(apex=apex, escaped=re.escape(apex))
