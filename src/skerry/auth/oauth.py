"""Access tokens for a machine: client credentials and token exchange, cached, one request at a time.

Sources: RFC 6749 §4.4 (client credentials), §2.3.1 (client authentication), RFC 8693 (token exchange), RFC
8707 (`resource`). No HTTP client of its own: `fetch` and `post` are arguments.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from skerry.auth.ports import Clock, Fetch, Post
from skerry.errors import RemoteError, SkerryError
from skerry.wire.jsonrpc import depth_exceeds

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  (a type name)
AHEAD = 30.0
"""Seconds before its end at which a token is replaced."""
MAX_TOKENS = 1024
RESERVED = frozenset({"grant_type", "client_id", "client_secret", "client_assertion", "subject_token"})
"""Parameters of a token request that nobody but the client itself sets."""
_KEYED = frozenset({"grant_type", "subject_token", "scope", "audience", "resource"})

_PRINTABLE = re.compile(r"[^\x20-\x7e]")


class OAuthError(RemoteError):
    """The provider refused, at its token endpoint or in what a browser brought (RFC 6749 §4.1.2.1).

    `error` is its code (`invalid_target`, ...), `status` the HTTP status, 400 for the browser's answer.
    """

    def __init__(self, status: int, error: str, description: str) -> None:
        said = error or f"HTTP {status}"
        super().__init__(f"The identity provider refused: {said}: {description}".rstrip(": "))
        self.status = status
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A confidential client and where it gets tokens: `token_endpoint`, or `discovery_url` to look it up."""

    client_id: str
    client_secret: str = field(repr=False)
    token_endpoint: str = ""
    discovery_url: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str = field(repr=False)
    until: float = 0.0


class TokenSource:
    """Gets access tokens for `client`, and keeps each until 30 seconds before it ends.

    Tokens are kept by subject token, audience, resource and scope; callers that want the same one at the
    same time share one request. One instance belongs to one event loop.
    """

    def __init__(self, client: Client, *, post: Post, fetch: Fetch, clock: Clock) -> None:
        self._client = client
        self._post = post
        self._fetch = fetch
        self._clock = clock
        self._endpoint = client.token_endpoint
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._pending: dict[tuple[str, ...], asyncio.Task[str]] = {}

    async def client_credentials(
        self,
        *,
        scope: str = "",
        audience: str = "",
        resource: str = "",
        custom: Mapping[str, str] | None = None,
    ) -> str:
        """A token for the client itself. Raises OAuthError, or RemoteError when nothing answers.

        `custom` are further parameters of the request, such as a provider asks for; those that say who asks
        for what (`RESERVED`) are left out.
        """
        form = {**_custom(custom), "grant_type": "client_credentials"}
        return await self._token(form, scope=scope, audience=audience, resource=resource)

    async def exchange(
        self,
        subject_token: str,
        *,
        scope: str = "",
        audience: str = "",
        resource: str = "",
        custom: Mapping[str, str] | None = None,
    ) -> str:
        """A token for another resource, for the subject of `subject_token` (RFC 8693 §2.1).

        The subject token goes to the token endpoint and nowhere else; `custom` may name its type. Raises
        OAuthError, or RemoteError when nothing answers.
        """
        form = {
            "subject_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
            **_custom(custom),
            "grant_type": EXCHANGE,
            "subject_token": subject_token,
        }
        return await self._token(form, scope=scope, audience=audience, resource=resource)

    def forget(self, token: str) -> None:
        """Drops a token that a resource refused, so that the next call gets a new one."""
        for key in [key for key, kept in self._kept.items() if kept.token == token]:
            del self._kept[key]

    async def _token(self, form: dict[str, str], **target: str) -> str:
        form |= {name: value for name, value in target.items() if value}
        # By digest and not by `jti`: nobody can reach a kept token with another token of the same id.
        subject = hashlib.sha256(form.get("subject_token", "").encode("utf-8", "replace")).hexdigest()
        rest = (f"{name}={value}" for name, value in form.items() if name not in _KEYED)
        key = (form["grant_type"], subject, *target.values(), *rest)
        kept = self._kept.get(key)
        if kept is not None and self._clock.monotonic() < kept.until:
            self._kept.move_to_end(key)
            return kept.token
        task = self._pending.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._request(key, form))
            self._pending[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(task)

    def _finished(self, key: tuple[str, ...], task: asyncio.Task[str]) -> None:
        self._pending.pop(key, None)
        if not task.cancelled():
            task.exception()  # every waiter may be gone; an error must not be reported as never seen

    async def _request(self, key: tuple[str, ...], form: Mapping[str, str]) -> str:
        try:
            endpoint = self._endpoint or await self._discover()
            started = self._clock.monotonic()
            status, body = await self._post(endpoint, form, self._headers())
        except OSError as error:
            raise RemoteError("The token endpoint does not answer.") from error
        token, lifetime = _read(status, body)
        if lifetime > AHEAD:
            self._kept[key] = _Kept(token, started + lifetime - AHEAD)
            while len(self._kept) > MAX_TOKENS:
                self._kept.popitem(last=False)
        return token

    async def _discover(self) -> str:
        data = _object(await self._fetch(self._client.discovery_url))
        endpoint = data.get("token_endpoint")
        if not isinstance(endpoint, str):
            raise RemoteError("The identity provider's metadata names no token endpoint.")
        self._endpoint = endpoint
        return endpoint

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": basic(self._client.client_id, self._client.client_secret),
            "Accept": "application/json",
        }


def _custom(given: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (given or {}).items() if name not in RESERVED}


def basic(client_id: str, client_secret: str) -> str:
    """The `Authorization` header of a confidential client (RFC 6749 §2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {base64.b64encode(pair.encode('ascii')).decode('ascii')}"


def _read(status: int, body: bytes) -> tuple[str, float]:
    """The token and its life in seconds; a life of 0 means that it must not be kept."""
    data = granted(status, body)
    return data["access_token"], data["expires_in"]


def granted(status: int, body: bytes) -> dict[str, Any]:
    """A token endpoint's answer: `access_token`, `expires_in` in seconds (0: not known), and the rest.

    Raises OAuthError for a refusal, RemoteError for an answer without a bearer token.
    """
    try:
        data = _object(body)
    except SkerryError:
        if status == 200:
            raise
        data = {}
    if status != 200:
        raise OAuthError(status, _text(data.get("error")), _text(data.get("error_description")))
    token, kind, lifetime = data.get("access_token"), data.get("token_type"), data.get("expires_in", 0)
    if not isinstance(token, str) or not token or not isinstance(kind, str) or kind.lower() != "bearer":
        raise RemoteError("The token endpoint gave no bearer token.")
    known = isinstance(lifetime, (int, float)) and not isinstance(lifetime, bool) and 0 < lifetime < 10**9
    return data | {"expires_in": float(lifetime) if known else 0.0}


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = {} if len(body) > 65_536 or depth_exceeds(body, 16) else json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise RemoteError("The identity provider did not answer with a JSON object.")
    return data


def _text(value: object) -> str:
    return _PRINTABLE.sub("?", value)[:200] if isinstance(value, str) else ""
