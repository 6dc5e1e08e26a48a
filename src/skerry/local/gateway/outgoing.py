"""One request to a target, as the target describes it, and the credential it gets."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from skerry.errors import SkerryError
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record
from skerry.wire.trace import Span


class TargetError(SkerryError):
    """A target could not be called or did not answer as it should.

    The text is what the gateway tells its callers when its `exceptionLevel` is DEBUG; it holds no secret.
    `lost` says that the connection ended before the answer, so that nobody knows whether the call ran,
    `asked` that it ended while the target waited for an answer of the client, and `refused` that the target
    did not take the credential (HTTP 401) and so did nothing.
    """

    code = "SKY-108"

    def __init__(
        self, message: str, *, hint: str = "", lost: bool = False, asked: bool = False, refused: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.lost = lost
        self.asked = asked
        self.refused = refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One request to a target.

    `headers` are what the target asks for, `propagated` what the allow-list lets through, `trace` the trace
    context (all lower case); `noted` names headers that are propagated inside of `headers` or `body`, and
    `dropped` says of others why they are not.
    `caller` is who is served, None when the gateway synchronises for itself; `bearer` is the token that the
    request came with, which only HTTP targets give here. A body that is still on its way is sent as it
    comes and can not be signed. `service` and `region` are
    what a signature with the gateway's role is for when the target's credential configuration does not say
    it. `span` is the call's own place in the trace where its body tells that. `authorization` is what the
    REQUEST interceptor set, in place of any credential. `operation` and `tool` are what the recorder shows.
    """

    gateway: Record
    target: Record
    body: bytes | AsyncIterable[bytes] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = ""
    propagated: Mapping[str, str] = field(default_factory=dict, repr=False)
    trace: Mapping[str, str] = field(default_factory=dict, repr=False)
    span: Span | None = None
    noted: tuple[str, ...] = ()
    dropped: Mapping[str, str] = field(default_factory=dict)
    caller: Caller | None = None
    bearer: str = field(default="", repr=False)
    session: str = ""
    tool: str = ""
    service: str = ""
    region: str = ""
    authorization: str = field(default="", repr=False)
    method: str = "POST"
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Credential:
    """How a request to a target is authenticated, and as whom the recorder shows it.

    `headers` or `query` hold the credential; a query parameter replaces one of the same name. `detail` names
    the grant, the audience and the acting client.
    """

    kind: Literal["sigv4", "jwt", "api-key", "none"] = "none"
    identity: str = "anonymous"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False, kw_only=True)
    detail: Mapping[str, str] = field(default_factory=dict)
