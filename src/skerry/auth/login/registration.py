"""A client registers itself (RFC 7591), and what came of it is kept for each issuer.

Sources: RFC 7591 §2 and §3, MCP 2026-07-28, authorization, "Dynamic Client Registration".
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from skerry.auth.client_authentication import ClientIdentity, Method, method_of, secret_method
from skerry.auth.discovery import Provider
from skerry.auth.json_object import json_object
from skerry.auth.ports import PostBytes
from skerry.errors import RemoteError
from skerry.wire.shown import safe

NAME = "skerry"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_HINT = "Register a client by hand and give --client-id, or ask who runs the provider."


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A client as an issuer knows it. `expires`: when its secret ends in seconds since the epoch, 0 never."""

    issuer: str
    client_id: str
    redirect_uri: str
    method: Method = "none"
    secret: str = field(default="", repr=False)
    scope: str = ""
    expires: float = 0.0

    @property
    def identity(self) -> ClientIdentity:
        return ClientIdentity(client_id=self.client_id, method=self.method, secret=self.secret)

    @property
    def port(self) -> int:
        """The port of its redirect."""
        return urlsplit(self.redirect_uri).port or 0

    def fits(self, scopes: tuple[str, ...], *, now: float) -> bool:
        """Whether it still serves for these scopes."""
        return (not self.expires or self.expires > now) and (
            not self.scope or set(scopes) <= set(self.scope.split())
        )

    def to_text(self) -> str:
        """For a token cache."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str, *, issuer: str) -> Registration | None:
        """What `to_text` gave, when it is of this issuer; None for anything else."""
        try:
            data = json.loads(text)
            texts = {name: data[name] for name in _TEXTS}
            expires, method = data["expires"], data["method"]
            valid = (
                all(isinstance(value, str) for value in texts.values())
                and isinstance(expires, int | float)
                and method_of(method, "none") == method
            )
            urlsplit(str(texts["redirect_uri"])).port  # noqa: B018  (a port that is none raises)
        except (ValueError, TypeError, KeyError, RecursionError, RemoteError):
            return None
        if not valid or texts["issuer"] != issuer:
            return None
        return cls(**texts, method=method, expires=float(expires))


_TEXTS = ("issuer", "client_id", "redirect_uri", "secret", "scope")


async def register(
    provider: Provider,
    *,
    redirect_uri: str,
    scopes: tuple[str, ...],
    device: bool = False,
    post: PostBytes,
) -> Registration:
    """Registers a native client. Raises RemoteError with the provider's own reason when it refuses."""
    method: Method = "none" if "none" in provider.client_methods else secret_method(provider)
    document: dict[str, Any] = {
        "client_name": NAME,
        "application_type": "native",
        "grant_types": ["authorization_code", "refresh_token", *([DEVICE_CODE] if device else [])],
        "response_types": ["code"],
        "redirect_uris": [redirect_uri],
        "token_endpoint_auth_method": method,
    }
    if scopes:
        document["scope"] = " ".join(scopes)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    try:
        status, body = await post(provider.registration_endpoint, headers, json.dumps(document).encode())
    except OSError as error:
        raise RemoteError("the identity provider's registration endpoint does not answer.") from error
    data = json_object(body) or {}
    if status not in (200, 201):
        said = " ".join(safe(str(data.get(name, "")), 200) for name in ("error", "error_description"))
        raise RemoteError(
            f"the identity provider registers no client like this one (HTTP {status}): {said}".rstrip(": "),
            hint=_HINT,
        )
    client_id, secret = data.get("client_id"), data.get("client_secret", "")
    if not isinstance(client_id, str) or not client_id or not isinstance(secret, str):
        raise RemoteError("the identity provider's answer to a registration names no client.", hint=_HINT)
    method = method_of(data.get("token_endpoint_auth_method"), method)
    if method != "none" and not secret:
        raise RemoteError("the identity provider registered a client without its secret.", hint=_HINT)
    ends = data.get("client_secret_expires_at", 0)
    given = data.get("scope")
    return Registration(
        issuer=provider.issuer,
        client_id=client_id,
        redirect_uri=redirect_uri,
        method=method,
        secret=secret if method != "none" else "",
        scope=given if isinstance(given, str) else " ".join(scopes),
        expires=float(ends) if isinstance(ends, int | float) and not isinstance(ends, bool) else 0.0,
    )
