"""What every request of the proxy tells about where it comes from: runtime session and client context.

The headers stay outside the signature and prove nothing. Sources: AWS service model of InvokeAgentRuntime
(session id); `wire.context`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from skerry.errors import ConfigurationError, ProtocolError
from skerry.relay.http import Pair
from skerry.wire import eras, session
from skerry.wire.context import (
    AGENT,
    MAX_TEXT,
    PREFERENCES,
    SESSION_ID,
    TIMESTAMP,
    UNKNOWN,
    ClientContext,
)
from skerry.wire.headers import RUNTIME_SESSION_ID, encode_value
from skerry.wire.jsonrpc import Envelope


class Context:
    """The headers of the proxy's requests.

    `session_id` stays for the life of the proxy, or is None for a new one in each request. `runtime` adds
    the header by which AgentCore Runtime finds the session. `given` are the values of `--context`: `region`
    and `agent` have headers of their own, everything else is a preference.
    """

    def __init__(
        self,
        session_id: str | None,
        given: Mapping[str, str],
        *,
        region: str,
        runtime: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._runtime = runtime
        self._session_id = session_id
        self._now = now
        self._named = "agent" in given
        try:
            context = ClientContext(
                session_id=session_id or "",
                region=given.get("region") or region or UNKNOWN,
                agent_name=given.get("agent") or UNKNOWN,
                timestamp=now(),
                user_preferences={k: v for k, v in given.items() if k not in ("agent", "region")},
            )
        except ProtocolError as problem:
            raise ConfigurationError(f"--context cannot be sent: {problem.message}") from problem
        fixed = context.to_headers()
        del fixed[TIMESTAMP]
        if not context.user_preferences:
            fixed.pop(PREFERENCES, None)
        self._fixed: dict[str, str] = fixed

    def belong(self, session_id: str) -> None:
        """From now on the requests belong to this session."""
        self._session_id = session_id
        self._fixed[SESSION_ID] = session_id

    def headers(self) -> list[Pair]:
        """The headers of one request."""
        identifier = self._session_id
        if identifier is None:
            identifier = session.new()
            self._fixed[SESSION_ID] = identifier
        pairs = [*self._fixed.items(), (TIMESTAMP, repr(round(self._now(), 3)))]
        if self._runtime:
            pairs.append((RUNTIME_SESSION_ID, identifier))
        return pairs

    def greeted(self, request: Envelope) -> None:
        """Learns the host's own name, unless a person gave another one."""
        if self._named:
            return
        info: Any = (
            request.params.get("clientInfo")
            if request.method == "initialize"
            else eras.request_meta(request).get(eras.META_CLIENT_INFO)
        )
        name = info.get("name") if isinstance(info, dict) else None
        if isinstance(name, str) and name and name.isprintable():
            self._named = request.method == "initialize"
            self._fixed[AGENT] = encode_value(name[: MAX_TEXT["agent_name"]])


def given(words: list[str]) -> dict[str, str]:
    """`--context KEY=VALUE` as a mapping. Raises ConfigurationError for a word of another form."""
    found = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key.strip():
            raise ConfigurationError(
                f"--context '{word[:80]}' has no value.", hint="Write it as --context key=value."
            )
        found[key.strip()] = value
    return found
