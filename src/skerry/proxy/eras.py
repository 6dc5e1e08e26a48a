"""The era of the server is found by the first message of the host, and each era of host is served.

A host's own era is tried first, since most pairs agree: a legacy `initialize` or a modern request goes to
the server as it is. Only when the server does not know it is the translation put between. Source: MCP
2026-07-28, "finding the era"; a modern host is probed for with `server/discover` before anything that a
legacy server might run without understanding.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from skerry.relay.ports import Emit, RelayError, Server
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

_MODERN_ERRORS = frozenset({eras.HEADER_MISMATCH, eras.MISSING_CLIENT_CAPABILITY, eras.UNSUPPORTED_VERSION})


class EitherEra:
    """Serves hosts of both eras in front of a server of either.

    `legacy` and `modern` open the server in one era; `as_legacy` and `as_modern` put the translation before
    a server of the other one.
    """

    def __init__(
        self,
        *,
        legacy: Callable[[], Server],
        modern: Callable[[], Server],
        as_legacy: Callable[[Server], Server],
        as_modern: Callable[[Callable[[], Server]], Server],
    ) -> None:
        self._open_legacy = legacy
        self._open_modern = modern
        self._as_legacy = as_legacy
        self._as_modern = as_modern
        self._legacy: Server | None = None
        self._modern: Server | None = None
        self._finding = asyncio.Lock()
        self._deliver: Emit | None = None
        self._last: eras.Era = "legacy"

    @property
    def era(self) -> eras.Era:
        """The era in which the host spoke last."""
        return self._last

    def listen(self, deliver: Emit) -> None:
        self._deliver = deliver

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        self._last = era = eras.request_era(None, request)
        if request.method == "server/discover":
            self._last = era = "modern"
        known = self._legacy if era == "legacy" else self._modern
        if known is not None:
            return await known.call(request, emit)
        async with self._finding:
            known = self._legacy if era == "legacy" else self._modern
            if known is None:
                find = self._find_legacy if era == "legacy" else self._find_modern
                known, answer = await find(request, emit)
                if answer is not None:
                    return answer
        return await known.call(request, emit)

    async def notify(self, notification: Envelope) -> None:
        modern = eras.META_PROTOCOL_VERSION in eras.request_meta(notification)
        for server in (
            (self._modern, self._legacy)
            if modern or self._last == "modern"
            else (
                self._legacy,
                self._modern,
            )
        ):
            if server is not None:
                await server.notify(notification)
                return

    async def respond(self, response: Envelope) -> None:
        if self._legacy is not None:
            await self._legacy.respond(response)

    async def close(self) -> None:
        for server in (self._legacy, self._modern):
            if server is not None:
                await server.close()

    async def _find_legacy(self, request: Envelope, emit: Emit) -> tuple[Server, Envelope | None]:
        """The server for a legacy host, and the answer to `request` where finding it was asking it."""
        server = self._heard(self._open_legacy())
        if request.method != "initialize":  # the server will say what it thinks of that
            self._legacy = server
            return server, None
        problem: RelayError | None = None
        answer: Envelope | None = None
        try:
            answer = await server.call(request, emit)
        except RelayError as refused:
            if not _means_another_era(refused):
                raise
            problem = refused
        if answer is not None and answer.error is None:
            self._legacy = server
            return server, answer
        face = self._heard(self._as_legacy(self._open_modern()))
        try:
            translated = await face.call(request, emit)
        except RelayError as refused:
            log.debug("the server is not modern either: %s", refused)
            translated = None
        if translated is not None and translated.error is None:
            log.info("the server speaks 2026-07-28 only; the host's revision is translated")
            self._legacy = face
            return face, translated
        await face.close()
        await server.close()
        if problem is not None:
            raise problem
        return server, answer

    async def _find_modern(self, request: Envelope, emit: Emit) -> tuple[Server, Envelope | None]:
        """The server for a modern host, and the answer to `request` where finding it was asking it."""
        server = self._heard(self._open_modern())
        asked = request if request.method == "server/discover" else _discover(request)
        answer: Envelope | None = None
        try:
            answer = await server.call(asked, emit)
        except RelayError as refused:
            if not _means_another_era(refused):
                raise
        if answer is not None and _is_modern(answer):
            self._modern = server
            return server, answer if asked is request else None
        log.info("the server speaks a revision with a handshake; the host's revision is translated")
        await server.close()
        self._modern = face = self._heard(self._as_modern(self._open_legacy))
        return face, None

    def _heard(self, server: Server) -> Server:
        if self._deliver is not None:
            server.listen(self._deliver)
        return server


def _discover(request: Envelope) -> Envelope:
    """`server/discover` in the name of the client that sent `request`."""
    meta = dict(eras.request_meta(request))
    meta.pop("progressToken", None)
    return jsonrpc.parse(jsonrpc.request("skerry-discover", "server/discover", {"_meta": meta}))


def _is_modern(answer: Envelope) -> bool:
    if answer.error is not None:
        return answer.error.get("code") in _MODERN_ERRORS
    return isinstance(answer.result, dict) and isinstance(answer.result.get("supportedVersions"), list)


def _means_another_era(refused: RelayError) -> bool:
    """Whether a failure may come from not knowing the era: a 4xx that has nothing to do with who asks."""
    status = refused.data.get("status")
    return refused.reason in ("refused", "closed") and status not in (401, 403)
