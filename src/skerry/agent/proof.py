"""How the agent proves itself to its Gateway: a signature of its role, or a token for its caller.

A caller's token is meant for the agent and goes no further: it is exchanged (RFC 8693) for one that the
gateway takes, with the agent's own client. Without a caller's token the agent signs with the credentials
of its role, or asks for a token of its own (client credentials) where `bearer` is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import httpx2

from skerry.agent.errors import AgentError
from skerry.agent.gateway import Proof
from skerry.agent.identity import Caller
from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.errors import SkerryError

SERVICE = "bedrock-agentcore"

Keys = Callable[[], Awaitable[Credentials]]
"""The credentials of the agent's role, fresh at every call."""
Tokens = Callable[[str], Coroutine[Any, Any, str]]
"""From a caller's token, empty when there is none, to one for the gateway. Raises SkerryError."""


class SignatureProof:
    """Signs every request with the agent's own credentials."""

    def __init__(self, keys: Keys, *, region: str, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._region = region
        self._clock = clock

    async def prepare(self, _: Caller) -> None:
        """Nothing: the signature is the agent's, whoever asks."""

    async def headers(self, request: httpx2.Request) -> Mapping[str, str]:
        url = request.url
        return sign(
            request.method,
            f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}",
            dict(request.headers),
            request.content,
            credentials=await self._keys(),
            region=self._region,
            service=SERVICE,
            now=self._clock(),
        )


class TokenProof:
    """Sends a bearer token that stands for the caller, renewed by `tokens` before it ends.

    `tokens` always runs on the loop that called `prepare`, whatever loop the request is made on.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._token = ""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def prepare(self, caller: Caller) -> None:
        """Takes the caller's token. Raises AgentError GATEWAY_ERROR when it cannot be exchanged."""
        self._token, self._loop = caller.token, asyncio.get_running_loop()
        try:
            await self._tokens(self._token)
        except AgentError:
            raise
        except SkerryError as error:
            raise AgentError(
                "GATEWAY_ERROR", f"there is no token for the gateway: {error.message}", hint=error.hint
            ) from error

    async def headers(self, _: httpx2.Request) -> Mapping[str, str]:
        assert self._loop is not None, "prepare comes first"
        waiting = asyncio.run_coroutine_threadsafe(self._tokens(self._token), self._loop)
        token = await asyncio.wrap_future(waiting)
        return {"Authorization": f"Bearer {token}"}


def chosen(
    mode: str, caller: Caller, *, signature: Callable[[], Proof], token: Callable[[], Proof]
) -> Proof | None:
    """The proof for a mode: `auto` follows the caller, `none` adds nothing.

    Raises AgentError CONFIGURATION_ERROR for another word.
    """
    if mode == "auto":
        mode = "bearer" if caller.token else "iam"
    if mode == "iam":
        return signature()
    if mode == "bearer":
        return token()
    if mode == "none":
        return None
    raise AgentError(
        "CONFIGURATION_ERROR", f"SKERRY_GATEWAY_AUTH is {mode!r}.", hint="Use auto, iam, bearer or none."
    )
