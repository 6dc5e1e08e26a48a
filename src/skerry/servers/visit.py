"""What happens around each call of a tool: a hop in the log, and a ToolError for every failure."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from fastmcp.exceptions import ToolError

from skerry.auth.jwt.keys import Clock
from skerry.errors import ProtocolError, RemoteError, StateError, TokenError
from skerry.servers.caller import Caller
from skerry.wire import trace
from skerry.wire.context import ClientContext
from skerry.wire.hop import Hop, encode

_hops = logging.getLogger("skerry.hop")


@dataclass(slots=True)
class Record:
    """What is known of a call so far. A caller without a token is the server itself, or nobody yet."""

    caller: Caller | None = None
    context: ClientContext = field(default_factory=ClientContext)


@contextlib.asynccontextmanager
async def recorded(
    part: str, tool: str, *, target: str, clock: Clock, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Record]:
    """One tool call of a server; fill in the record as soon as something is known.

    `headers` are those of the request, in whose trace the call stands, and with it all that it calls.
    """
    started, begun = clock.time(), clock.monotonic()
    record, status = Record(), 500
    span = trace.of_mapping(headers or {})
    try:
        with trace.within(span):  # a tool is one task from its beginning to its end
            yield record
        status = 200
    except TokenError as error:
        status = 401
        said = "" if error.reason == "missing" else "The bearer token cannot be used. "
        raise ToolError(f"{said}{error}") from error
    except (RemoteError, ProtocolError, StateError) as error:
        status = 400
        raise ToolError(str(error)) from error
    except ToolError:
        status = 400
        raise
    finally:
        hop = Hop(
            part=part,
            operation=f"tools/call {tool}",
            identity=record.caller.name if record.caller else "anonymous",
            auth="jwt" if record.caller and record.caller.token else "none",
            status=status,
            started=started,
            duration_ms=(clock.monotonic() - begun) * 1000,
            session=record.context.session_id,
            target=target,
            detail={"region": record.context.region, "agent": record.context.agent_name},
            **trace.members(span),
        )
        _hops.info(encode(hop))
