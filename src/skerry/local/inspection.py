"""skerry's own paths at the endpoint.

    GET /_skerry/health                          no signature needed: what runs
    GET /_skerry/hops?session=&trace=&since=&limit=&looks=
                                                 SigV4 with the service name `skerry`: recorded hops;
                                                 looks=0: without those of the command line's own looking

Hops show who called what, so they need a key of this stack like everything else, and who is known to IAM
needs the action `skerry:hops`. A plane may add paths of its own, which are guarded in the same way: the
Runtime plane has `GET sessions` and `POST clock`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from skerry.errors import ServiceError, not_found, validation
from skerry.local.api.rest_json import Reply, error_reply
from skerry.local.http.asgi import read_body, send_reply
from skerry.local.ports.asgi import Receive, Scope, Send
from skerry.local.ports.callers import Access
from skerry.local.ports.permissions import Ask, Permissions, Unrestricted
from skerry.local.state.recorder import KEPT, HopRecorder

PREFIX = b"/_skerry/"
SERVICE = "skerry"
MAX_BODY = 4096

Inspect = Callable[[bytes], Awaitable[object]]
"""Answers a path below `/_skerry/`: from the body to what becomes JSON. Raises ServiceError."""


class InspectionPlane:
    """ASGI application for `/_skerry/`."""

    def __init__(
        self,
        *,
        access: Access,
        recorder: HopRecorder,
        health: Callable[[], Mapping[str, Any]],
        more: Mapping[tuple[str, str], Inspect],
        permissions: Permissions | None = None,
    ) -> None:
        self._permissions: Permissions = permissions or Unrestricted()
        self._access = access
        self._recorder = recorder
        self._health = health
        self._more = more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one HTTP request."""
        try:
            body = await read_body(receive, MAX_BODY)
            path = scope["method"], scope["raw_path"].removeprefix(PREFIX).decode("latin-1")
            if path == ("GET", "health"):
                reply = _json(self._health())
            elif path == ("GET", "hops"):
                await self._permit(scope, body, "hops")
                reply = _json(self._hops(scope["query_string"]))
            elif path in self._more:
                await self._permit(scope, body, path[1])
                reply = _json(await self._more[path](body))
            else:
                known = [("GET", "health"), ("GET", "hops"), *self._more]
                listed = ", ".join(f"{method} /_skerry/{name}" for method, name in known)
                raise not_found(f"skerry itself has {listed}.")
        except ServiceError as error:
            reply = error_reply(error)
        await send_reply(send, reply)

    async def _permit(self, scope: Scope, body: bytes, name: str) -> None:
        """Raises ServiceError (403) for who did not sign, and whom policies do not let `skerry:NAME`."""
        caller = await self._access.signed_by(scope, body, service=SERVICE)
        await self._permissions.check(caller, [Ask(f"{SERVICE}:{name.replace('/', '-')}", "*")], [])

    def _hops(self, raw_query: bytes) -> list[dict[str, Any]]:
        given = parse_qs(raw_query.decode("latin-1"))
        found = self._recorder.hops(
            session=given.get("session", [""])[-1],
            trace=given.get("trace", [""])[-1],
            looks=given.get("looks", [""])[-1] != "0",
            since=_number(given, "since", 0.0),
            limit=int(_number(given, "limit", float(KEPT))),
        )
        return [asdict(hop) for hop in found]


def _number(given: Mapping[str, list[str]], name: str, default: float) -> float:
    try:
        value = float(given[name][-1]) if name in given else default
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e12:
        raise validation(f"'{name}' must be a number and not negative.", (name, "must be a number"))
    return value


def _json(content: object) -> Reply:
    return Reply(200, [(b"content-type", b"application/json")], json.dumps(content, default=str).encode())
