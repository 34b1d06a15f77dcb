"""Who may read what: a token, a user, a certificate, or whoever may open the socket."""

from __future__ import annotations

import base64
import binascii
import socket
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from agent.serve.passwords import Passwords
from agent.serve.problems import Problem
from agent.serve.route import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.serve.certificates import Serial
    from agent.serve.peer import Peer
    from agent.serve.tokens import Tokens
    from agent.serve.web_config import WebConfig

EVERYTHING: Final = frozenset(Scope)
NOTHING: Final[frozenset[Scope]] = frozenset()
REALM: Final = 'realm="gateproof"'
LONGEST: Final = 1024
"""Bytes of a credential."""
OWN: Final = ("localhost", "127.0.0.1", "[::1]")
"""Names of this host that nobody else can have."""


class Access:
    """The credentials of one moment; replaced as a whole when they change."""

    def __init__(
        self,
        tokens: Tokens | None,
        config: WebConfig,
        revoked: frozenset[Serial] = frozenset(),
        addresses: Iterable[str] = (),
    ) -> None:
        tls = config.tls_server_config
        self._tokens = tokens
        self._passwords = Passwords(config.basic_auth_users)
        self._certificates = tls is not None and tls.client_ca_file is not None
        self._names = frozenset(tls.client_allowed_sans) if tls is not None else frozenset()
        self._revoked = revoked
        self._own = frozenset(one.lower() for one in (*OWN, socket.gethostname(), *addresses) if one)
        self.open = tokens is None and not self._passwords and not self._certificates
        """Whether nobody has set up any credential: then this host itself may read all, as with the exporters."""

    def check_host(self, peer: Peer, host: str | None) -> None:
        """Refuse a page of the web whose name was made to lead here (DNS rebinding); raises Problem.

        Where a credential is wanted, such a page has none.
        """
        if peer.local or not self.open or host is None:
            return
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if name.lower().rstrip(".") not in self._own:
            raise Problem(
                HTTPStatus.MISDIRECTED_REQUEST, "host", "this is not the host that is meant; ask for it by its address"
            )

    async def scopes(self, peer: Peer, authorization: str | None) -> frozenset[Scope]:
        """What this client may read, nothing where it shows no credential; raises Problem where that is wrong."""
        if peer.local:
            return EVERYTHING
        if self.open:
            return EVERYTHING if peer.loopback else NOTHING
        certified = self._certified(peer)
        if authorization is not None:
            return await self._granted(authorization)
        # as with the exporters: where there are users, a certificate does not stand for one
        return EVERYTHING if certified and not self._passwords else NOTHING

    def _certified(self, peer: Peer) -> bool:
        """Whether a certificate counts; raises Problem where one is shown that does not."""
        shown = peer.certificate
        if shown is None or not self._certificates:
            return False
        if self._names and not self._names & shown.names:
            raise Problem(
                HTTPStatus.FORBIDDEN, "certificate", "none of the certificate's names is in client_allowed_sans"
            )
        if shown.serial in self._revoked:
            raise Problem(HTTPStatus.FORBIDDEN, "certificate", "the certificate is revoked")
        return True

    async def _granted(self, authorization: str) -> frozenset[Scope]:
        """The scopes of a token or a user; raises Problem."""
        kind, _, word = authorization.partition(" ")
        credential = word.strip().encode("utf-8", "surrogateescape")
        if len(credential) > LONGEST:
            raise self.unknown(refused=True)
        if kind.lower() == "bearer" and self._tokens is not None:
            found = self._tokens.find(credential, datetime.now(UTC))
            if found is not None:
                return EVERYTHING if Scope.READ in found.scopes else frozenset(found.scopes)
        if kind.lower() == "basic" and self._passwords:
            try:
                user, colon, password = base64.b64decode(credential, validate=True).partition(b":")
            except binascii.Error:
                raise self.unknown(refused=True) from None
            if colon and await self._passwords.right(user, password):
                return EVERYTHING
        raise self.unknown(refused=True)

    def unknown(self, *, refused: bool = False) -> Problem:
        """The answer to a client that shows no credential, or a wrong one."""
        return Problem(
            HTTPStatus.UNAUTHORIZED,
            "credential",
            "the credential is wrong, or counts no more" if refused else "a credential is wanted",
            headers={"WWW-Authenticate": self._challenge(refused=refused)},
        )

    def _challenge(self, *, refused: bool) -> str:
        bearer = f'Bearer {REALM}, error="invalid_token"' if refused else f"Bearer {REALM}"
        return f'{bearer}, Basic {REALM}, charset="UTF-8"' if self._passwords else bearer


def forbidden(scope: Scope, headers: Mapping[str, str] | None = None) -> Problem:
    """The answer to a client whose credential is for something else (RFC 6750, section 3.1)."""
    challenge = f'Bearer {REALM}, error="insufficient_scope", scope="{scope}"'
    return Problem(
        HTTPStatus.FORBIDDEN,
        "scope",
        f"the credential has not the scope `{scope}`",
        headers={"WWW-Authenticate": challenge, **(headers or {})},
    )
