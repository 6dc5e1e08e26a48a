"""What a refusal tells about a request: whether the session is gone, and whether it may be sent again.

Pure tables over what servers were seen to answer. Sources: MCP 2025-11-25, transports (session management);
AWS developer guide, runtime service contract; failure PX-SESSION-LOST for the forms of the field.
"""

from __future__ import annotations

import re
from typing import Literal

from skerry.wire import jsonrpc
from skerry.wire.jsonrpc import Envelope

Loss = Literal["gone", "perhaps"]

RUNTIME_CLIENT_ERROR = -32010
RUNTIME_BUSY = -32005
RUNTIME_THROTTLED = -32003
_NOT_FOUND_CODES = frozenset({-32001, -30001})
_SESSION = re.compile(r"session", re.IGNORECASE)
_GONE = re.compile(
    r"session[\w\s-]*(?:not found|terminated|expired|invalid|unknown)|(?:no valid|unknown|invalid) session"
    r"|not (?:been )?initialized|re-?initialize",
    re.IGNORECASE,
)
_RUNTIME_404 = re.compile(r"Received error \(404\)")
_BUSY = re.compile(r"operation in progress|retry", re.IGNORECASE)
_THROTTLED = re.compile(r"rate|thrott|too many", re.IGNORECASE)

REPEATABLE = frozenset(
    {
        "ping",
        "completion/complete",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "resources/subscribe",
        "resources/unsubscribe",
        "logging/setLevel",
        "server/discover",
        "tools/list",
    }
)
"""Requests that read, or that set what they set: sending one again does no harm."""


def loss(status: int, answer: Envelope | None, *, had_session: bool) -> Loss | None:
    """Whether an answer in the legacy era says that the session is gone; such a request did not run.

    `perhaps` is the answer that SDKs give to any request before `initialize`, and that a tool may give as
    well: ask for `tools/list` to tell them apart. `answer` is the JSON-RPC error, if the body was one.
    """
    problem = answer.error if answer is not None else None
    if problem is None:
        return "gone" if status == 404 and had_session else None
    code, message = problem.get("code"), problem.get("message")
    text = message if isinstance(message, str) else ""
    if status == 404:  # in this era 404 means the session; an unknown method travels in a 200
        return None if code == jsonrpc.METHOD_NOT_FOUND else "gone"
    if code in _NOT_FOUND_CODES and _SESSION.search(text):
        return "gone"
    if code == RUNTIME_CLIENT_ERROR and _RUNTIME_404.search(text):
        return "gone"
    if status == 400 and _GONE.search(text):
        return "gone"
    if code == jsonrpc.INVALID_PARAMS and text == "Invalid request parameters" and not problem.get("data"):
        return "perhaps"
    return None


def throttled(answer: Envelope) -> bool:
    """Whether a JSON-RPC error in a 200 is AgentCore's "not now": a busy session, too many requests."""
    problem = answer.error
    if problem is None:
        return False
    code, message = problem.get("code"), problem.get("message")
    text = message if isinstance(message, str) else ""
    return (code == RUNTIME_BUSY and bool(_BUSY.search(text))) or (
        code == RUNTIME_THROTTLED and bool(_THROTTLED.search(text))
    )


def pause(attempt: int, retry_after: str, jitter: float) -> float:
    """Seconds to wait before attempt `attempt` (1 is the first repetition); `jitter` is in 0..1.

    The server's `Retry-After` in seconds counts up to 30; else the wait doubles from 0.25 s, half of it by
    chance, so that clients which were refused together do not come back together.
    """
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6:
        return min(float(retry_after), 30.0) + jitter * 0.25
    longest = min(0.25 * 2.0 ** (attempt - 1), 4.0)
    return float(longest * (0.5 + jitter / 2))
