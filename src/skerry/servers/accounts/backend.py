"""The accounts API as the tools use it: a token of the caller's exchanged for each call, never passed on.

Two settings show the older design beside it: `Legacy.headers` sends the exchanged token and the verified
tenant in headers too; `Legacy.forward` passes the caller's own token on, which MCP forbids, to demonstrate
what comes of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2

from skerry.auth.oauth import TokenSource
from skerry.errors import RemoteError
from skerry.servers.caller import Caller
from skerry.wire.context import SESSION_ID, ClientContext
from skerry.wire.headers import encode_value
from skerry.wire.trace import outgoing

MAX_ANSWER = 262_144


class ApiError(RemoteError):
    """The API answered with an error; `reason` is its stable code, such as `not_found`."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class Legacy:
    """What the API is told as in the older design; nothing, unless a setting says so.

    `headers`: X-JWT-TOKEN with the token of each call, and X-TENANT-ID with the `tenant_claim` of the
    caller's verified token. `forward`: that token is the caller's own and not an exchanged one.
    """

    headers: bool = False
    forward: bool = False
    tenant_claim: str = "tenant_id"

    def sent(self, token: str, caller: Caller) -> dict[str, str]:
        """The further headers of a call."""
        if not (self.headers or self.forward):
            return {}
        tenant = caller.claims.get(self.tenant_claim)
        named = {"X-TENANT-ID": encode_value(tenant)} if isinstance(tenant, str) and tenant else {}
        return {"X-JWT-TOKEN": token, **named}


@dataclass(frozen=True, slots=True)
class Backend:
    """The API at `url`, whose tokens are for `audience`. `http` belongs to who made this."""

    url: str
    audience: str
    source: TokenSource
    http: httpx2.AsyncClient
    legacy: Legacy = Legacy()

    def of(self, caller: Caller, context: ClientContext) -> Accounts:
        """The accounts that `caller` may see."""
        return Accounts(self, caller, context)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The API on behalf of one caller.

    Every method raises RemoteError: an ApiError with the API's own sentence, or that of the identity
    provider when it refuses the exchange.
    """

    backend: Backend
    caller: Caller
    context: ClientContext

    async def email(self, account: str) -> str:
        """The address of an account."""
        return str((await self._call("GET", f"/accounts/{_part(account)}/email"))["email"])

    async def set_email(self, account: str, email: str, *, approval: str) -> str:
        """Sets the address with a confirmation that is good for one change; gives the one before."""
        answer = await self._call(
            "PUT",
            f"/accounts/{_part(account)}/email",
            body={"email": email},
            headers={"Idempotency-Key": approval},
        )
        return str(answer["previous"])

    async def activity(self, account: str = "") -> tuple[str, list[tuple[str, int]]]:
        """The tenant, and its payments per month; of one account when it is named."""
        answer = await self._call("GET", f"/accounts/{_part(account)}/activity" if account else "/activity")
        return str(answer["tenant"]), [(str(at["month"]), int(at["payments"])) for at in answer["activity"]]

    async def _call(
        self, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """One call. A 401 drops the token and asks for another one, once: nothing was done yet."""
        token = await self._token()
        status, answer = await self._send(method, path, token, body, headers or {})
        if status == 401:
            self.backend.source.forget(token)
            status, answer = await self._send(method, path, await self._token(), body, headers or {})
        if status != 200:
            message = str(answer.get("message") or f"The accounts API answered {status}.")
            raise ApiError(status, str(answer.get("error", "")), message)
        return answer

    async def _token(self) -> str:
        source, audience = self.backend.source, self.backend.audience
        if self.caller.token and self.backend.legacy.forward:
            return self.caller.token
        if self.caller.token:
            return await source.exchange(self.caller.token, audience=audience)
        return await source.client_credentials(audience=audience)

    async def _send(
        self, method: str, path: str, token: str, body: object, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        sent = {**headers, **outgoing(), "Authorization": f"Bearer {token}"}
        sent |= self.backend.legacy.sent(token, self.caller)
        if self.context.session_id:
            sent[SESSION_ID] = encode_value(self.context.session_id)
        content = None if body is None else json.dumps(body).encode()
        url = self.backend.url + path
        try:
            async with self.backend.http.stream(method, url, headers=sent, content=content) as answer:
                found = bytearray()
                async for chunk in answer.aiter_bytes():
                    found += chunk
                    if len(found) > MAX_ANSWER:
                        raise RemoteError("The accounts API answered more than it should.")
                return answer.status_code, _object(bytes(found))
        except httpx2.HTTPError as error:
            raise RemoteError(
                f"The accounts API does not answer ({type(error).__name__}).", hint="Is it running?"
            ) from error


def _part(account: str) -> str:
    return quote(account, safe="")


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise RemoteError("The accounts API did not answer with a JSON object.")
    return data
