"""A hop: one request as the side that was called saw it, or the caller; and its one-line form in a log.

Parts that run in processes of their own (identity provider, services) log their hops with
`logging.getLogger("skerry.hop").info(encode(hop))`; whoever started the process reads its log and
hands the hops to the recorder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

Kind = Literal["server", "client"]

MARK = "skerry-hop "
LOOKS = "skerry-looks"
"""What the command line's own clients add to their user agent; their reading is noise among hops."""
LOOKED = "asked_by"
"""The member of `detail` that marks the hop of such a reading."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop.

    `identity` is the caller as proved (an ARN, `sub@issuer`, `anonymous`), `auth` how it was proved
    (`sigv4`, `jwt`, `api-key`, `none`), `session` the runtime session id where one is known. `started` is
    seconds since the epoch. `detail` holds short strings only, such as a tool name, header names or
    a model id; never bodies or tokens. `iam` has the permissions that were asked for: `action`, `resource`,
    `by` (what decided), and `refused` or `would_refuse` where they were not given. `trace`, `span` and
    `parent` are ids of W3C Trace Context: this hop is `span`, called by the hop that is `parent`; empty where
    they are not known. `kind` says which side saw it, as OpenTelemetry has it; `resource` is the ARN of the
    agent runtime or gateway that it is of, `request` the request id that the caller was told, and `first_ms`
    the time until the answer began, 0 where that is not known.
    """

    part: str
    operation: str
    identity: str
    auth: str
    status: int
    started: float
    duration_ms: float
    session: str = ""
    target: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)
    iam: Sequence[Mapping[str, str]] = ()
    trace: str = ""
    span: str = ""
    parent: str = ""
    kind: Kind = "server"
    resource: str = ""
    request: str = ""
    first_ms: float = 0.0


def fits(hop: Hop, *, session: str, trace: str, since: float, looks: bool) -> bool:
    """Whether a hop is of a session and of a trace ("" is any), and began at `since` seconds or later.

    `looks` says whether those of the command line's own looking are wanted.
    """
    mine = session in ("", hop.session) and trace in ("", hop.trace)
    return mine and hop.started >= since and (looks or not is_look(hop))


def is_look(hop: Hop) -> bool:
    """Whether the command line only looked how things are, as `skerry up` does until all is ready."""
    return LOOKED in hop.detail


_LATEST = 1e11
_FIELDS = tuple(item.name for item in fields(Hop))


def as_json(hop: Hop) -> str:
    """The hop as a JSON object on one line."""
    members = {name: getattr(hop, name) for name in _FIELDS}
    return json.dumps(members, separators=(",", ":"), default=str)


def encode(hop: Hop) -> str:
    """The hop as one log line."""
    return MARK + as_json(hop)


def of(data: Mapping[str, Any]) -> Hop:
    """The hop of its JSON object. Raises TypeError and AttributeError for what is none."""
    known = {name: value for name, value in data.items() if name in _FIELDS}
    return Hop(**{**known, "iam": tuple(known.get("iam", ()))})


def decode(line: str) -> Hop | None:
    """The hop of a log line, or None when the line is an ordinary one or no hop can be like that.

    Any program can print such a line: what it says of a runtime or gateway is not believed.
    """
    start = line.find(MARK)
    if start < 0:
        return None
    try:
        data = json.loads(line[start + len(MARK) :])
        hop = of(data)
        return replace(hop, kind="server", resource="", request="") if _can_be(hop) else None
    except (ValueError, TypeError, AttributeError):
        return None


def _can_be(hop: Hop) -> bool:
    """Whether every member is of its kind, and every time one that there is."""
    status: object = hop.status
    texts: tuple[object, ...] = (
        *(hop.part, hop.operation, hop.identity, hop.auth, hop.session, hop.target),
        *(hop.trace, hop.span, hop.parent, *hop.detail, *hop.detail.values()),
    )
    times: tuple[object, ...] = (hop.started, hop.duration_ms, hop.first_ms)
    return (
        isinstance(status, int)
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(time, int | float) and 0 <= time < _LATEST for time in times)
    )
