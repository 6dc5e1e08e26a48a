"""Which client gets what a program says on its own: stdio has one stream for all, and no mark of whose it is.

Source: MCP specification, base protocol (progress, logging, subscriptions) and transports. Progress names its
call by the token, a subscription its request by the id; the rest is matched by the only sign there is, what
runs: the call that was started last is the one most likely to ask or to log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol, TypeVar

from skerry.relay.splice import splice
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

ASKING = frozenset({"tools/call", "prompts/get", "resources/read"})
"""Methods during which a server may ask its client, and log about what it does."""
OF_SESSION = frozenset(
    {
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/elicitation/complete",
    }
)
"""Notifications that belong to no call, even while one runs."""

Key = tuple[type, object]


class Running(Protocol):
    """A call in flight, as far as routing looks at it."""

    @property
    def request(self) -> Envelope:
        """The request of the client."""
        ...


Call = TypeVar("Call", bound=Running)


def key(identifier: object) -> Key:
    """An id or token to look up by: the number 1, the string "1" and true are three different ones."""
    return type(identifier), identifier


def progress_token(request: Envelope) -> object:
    """The progress token of a request, None when it has none that can be looked up."""
    token = eras.request_meta(request).get("progressToken")
    return token if isinstance(token, str | int) else None


def newest_asking(calls: Iterable[Call]) -> Call | None:
    """Of calls in the order of their start, the last one during which a server may ask."""
    found = None
    for call in calls:
        if call.request.method in ASKING:
            found = call
    return found


def newest_logging(calls: Iterable[Call]) -> Call | None:
    """Of modern calls in the order of their start, the last one that asked for log messages."""
    found = None
    for call in calls:
        if eras.META_LOG_LEVEL in eras.request_meta(call.request):
            found = call
    return found


def with_member(message: Envelope, name: str, value: object) -> Envelope:
    """The same request or notification with one member of its parameters replaced."""
    return jsonrpc.parse(splice(message.body, "params", message.params, {name: value}))


def with_token(request: Envelope, token: object) -> Envelope:
    """A request under another progress token."""
    return with_member(request, "_meta", {**eras.request_meta(request), "progressToken": token})


def of_subscription(message: Envelope) -> object:
    """The id that a notification of a subscription carries, None for any other."""
    return eras.request_meta(message).get(eras.META_SUBSCRIPTION_ID)


def for_subscriber(message: Envelope, call: Running) -> Envelope:
    """A notification or response of a subscription under the id that its client gave."""
    known = message.result if message.kind == "response" else message.params
    meta = known.get("_meta") if isinstance(known, dict) else None
    if not isinstance(meta, dict) or eras.META_SUBSCRIPTION_ID not in meta:
        return message
    put = {"_meta": {**meta, eras.META_SUBSCRIPTION_ID: call.request.id}}
    member: Literal["params", "result"] = "result" if message.kind == "response" else "params"
    return jsonrpc.parse(splice(message.body, member, known, put))
