"""What variables stand for in one form of request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals
from agent.model.proxy import Form, Ports
from agent.proxies.nginx.maps import located, mapped
from agent.proxies.nginx.texts import parts_of
from agent.proxies.variables.values import Agent, Cases, Client, Const, Method, Page, Spelled, Unknown, joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.network import Listener
    from agent.proxies.nginx.syntax import Directive
    from agent.proxies.variables.values import Value

USUAL: Final = {Form.TLS: 443, Form.HTTP: 80, Form.GET: 80}
MAX_DEPTH: Final = 30
"""Maps of maps."""


class Flow:
    """One form of request at one server. ``set`` changes it."""

    def __init__(self, form: Form, listener: Listener, declared: Mapping[str, Directive], *, http: bool) -> None:
        self.form = form
        self._listener = listener
        self._declared = declared
        """``map``, ``geo``, ``split_clients`` by the name of the variable."""
        self._http = http
        self.decrypted: bool = False
        self.inner = False
        """TLS ended before it came here."""
        self.preread = False
        self.server_name = ""
        self._set: dict[str, Value] = {}
        self._depth = 0

    def copy(self) -> Flow:
        """Give another one that goes another way from here."""
        other = Flow(self.form, self._listener, self._declared, http=self._http)
        other.decrypted, other.inner, other.preread = self.decrypted, self.inner, self.preread
        other.server_name = self.server_name
        other.assign(dict(self._set))
        return other

    def assign(self, values: Mapping[str, Value]) -> None:
        """Give variables their values."""
        self._set |= values

    def text(self, written: str) -> Value:
        """What a text with variables in it is."""
        return joined([self.value(part) if is_name else Const(part) for is_name, part in parts_of(written)])

    def value(self, name: str) -> Value:
        """What a variable is."""
        if name in self._set:
            return self._set[name]
        declared = self._declared.get(name)
        if declared is not None:
            return self._mapped(declared)
        if name in ("remote_addr", "realip_remote_addr"):
            return Client()
        if name == "server_port":
            return Const(str(self._listener.port))
        if name.startswith("proxy_protocol_"):
            return Const("")
        found = self._of_http(name) if self._http else self._of_stream(name)
        return found or Unknown(f"${name}", f"${name} depends on more than the configuration")

    def _mapped(self, declared: Directive) -> Value:
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                return Unknown(f"{declared.source}", "maps of maps without end")
            if declared.name == "map":
                return mapped(declared, self.text(declared[0]), self.text)
            if declared.name == "geo":
                return located(declared, self.text(declared[0]) if len(declared.words) > 1 else Client())
            return Unknown(f"{declared.source}", "split_clients divides clients by chance")
        finally:
            self._depth -= 1

    def _of_stream(self, name: str) -> Value | None:
        hello = self.form is Form.TLS
        match name:
            case "ssl_preread_server_name":
                return Spelled(hello=True) if hello and self.preread and not self.decrypted else Const("")
            case "ssl_preread_protocol":
                return Page("TLSv1.") if hello and self.preread and not self.decrypted else Const("")
            case "ssl_preread_alpn_protocols" if not (hello and self.preread):
                return Const("")
            case "ssl_server_name":
                return Spelled(hello=True) if self.decrypted else Const("")
            case "protocol":
                return Const("TCP")
        return None

    def _of_http(self, name: str) -> Value | None:
        match name:
            case "host":
                return Spelled()
            case "http_host":
                usual = Ports(Intervals.single(USUAL.get(self.form, 443)))
                return Cases(((usual, Spelled()),), Spelled(after=":", path=True))
            case "ssl_server_name" | "ssl_preread_server_name":
                return Spelled(hello=True) if self.decrypted and name == "ssl_server_name" else Const("")
            case "server_name":
                return Const(self.server_name)
            case "request_method":
                return Method()
            case "http_user_agent":
                return Agent()
            case "uri" | "document_uri" | "request_uri":
                return Page("/")
            case "scheme":
                return Const("https" if self.decrypted and not self.inner else "http")
            case "https":
                return Const("on" if self.decrypted and not self.inner else "")
        return None
