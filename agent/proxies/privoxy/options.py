"""Directives and actions of Privoxy 3.0.34 (its config as shipped, actionlist.h), by what they mean for a name."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names(
    """
    accept-intercepted-requests actionsfile ca-cert-file ca-directory client-specific-tag confdir deny-access forward
    forward-socks4 forward-socks4a forward-socks5 forward-socks5t listen-address permit-access toggle trusted-cas-file
    trustfile
    """
)
"""Directives that are read and followed."""

HARMLESS: Final = _names(
    """
    activity-animation
    admin-address allow-cgi-request-crunching buffer-limit ca-key-file ca-password certificate-directory cipher-list
    client-header-order client-tag-lifetime compression-level connection-sharing cors-allowed-origin debug
    default-server-timeout enable-accept-filter enable-compression enable-edit-actions
    enable-proxy-authentication-forwarding enable-remote-http-toggle enable-remote-toggle enforce-blocks filterfile
    forwarded-connect-retries handle-as-empty-doc-returns-ok hostname keep-alive-timeout listen-backlog logdir logfile
    max-client-connections proxy-info-url receive-buffer-size single-threaded socket-timeout split-large-forms templdir
    temporary-directory tolerate-pipelining trust-info-url trust-x-forwarded-for trusted-cgi-referer user-manual
    close-button-minimizes hide-console log-buffer-size log-font-name log-font-size log-highlight-messages
    log-max-lines log-messages show-on-task-bar
    """
)
"""Cannot change whether a name is reached: pages of its own and who may change them, logs, limits, time-outs, contents,
what a blocked page looks like, windows. What Privoxy does not know it ignores."""

OPEN: Final[dict[str, str]] = {}
"""No directive is not followed."""

ACTIONS: Final = _names(
    """
    block client-header-tagger fast-redirects forward-override https-inspection ignore-certificate-errors limit-connect
    redirect server-header-tagger
    """
)
"""Actions that are read and followed."""

HARMLESS_ACTIONS: Final = _names(
    """
    add-header change-x-forwarded-for client-body-filter client-body-tagger content-type-overwrite crunch-client-header
    crunch-if-none-match crunch-incoming-cookies crunch-outgoing-cookies crunch-server-header deanimate-gifs
    delay-response downgrade-http-version external-filter filter filter-client-headers filter-server-headers
    force-text-mode handle-as-empty-document handle-as-image hide-accept-language hide-content-disposition
    hide-from-header hide-if-modified-since hide-referer hide-referrer hide-user-agent limit-cookie-lifetime
    overwrite-last-modified prevent-compression prevent-keeping-cookies server-header-filter session-cookies-only
    set-image-blocker suppress-tag
    """
)
"""Change headers and contents of cleartext pages, or what a blocked page looks like."""

OPEN_ACTIONS: Final = {"client-header-filter": "a filter may rewrite the line of the request"}
"""Not followed, and why that may matter."""

FORMER_ACTIONS: Final = _names(
    "inspect-jpegs kill-popups send-vanilla-wafer send-wafer treat-forbidden-connects-like-blocks vanilla-wafer wafer"
)
"""Actions of earlier releases, which are ignored (``action_used_to_be_valid``)."""

VALUELESS: Final = _names(
    """
    crunch-if-none-match crunch-incoming-cookies crunch-outgoing-cookies downgrade-http-version filter-client-headers
    filter-server-headers force-text-mode handle-as-empty-document handle-as-image https-inspection
    ignore-certificate-errors prevent-compression prevent-keeping-cookies session-cookies-only
    """
)
"""Actions that take no parameter; all others need one where they are switched on, but for ``block``."""
