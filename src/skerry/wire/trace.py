"""Which call belongs to which: W3C Trace Context, and the X-Amzn-Trace-Id of AWS that says the same.

A `Span` is one hop of a trace. Whoever is called begins one from what reached him (`begin`), notes it with
his hop (`members`), and sends its `traceparent` with everything that he calls for this request. Where no
request is at hand, `CURRENT` has the span of the request that is being served.

Sources: W3C Trace Context (version 00, which later versions begin with); AWS X-Ray developer guide, tracing
header.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypedDict

TRACEPARENT, TRACESTATE, AMAZON = "traceparent", "tracestate", "x-amzn-trace-id"
LONGEST = 512
"""Characters of a header that are looked at; what is longer is none."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})", re.ASCII)
_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_KNOWN_FLAGS = 0x03
_TRACEPARENT_NAME, _AMAZON_NAME = TRACEPARENT.encode(), AMAZON.encode()
_BESIDE = {TRACESTATE: LONGEST, "baggage": 8192}
"""What goes with a traceparent, and its most characters (W3C Trace Context, 3.3.1.5; W3C Baggage, 3.3)."""
_FLAGS = frozenset({"00", "01", "02", "03"})
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16

_IDS = random.Random()  # noqa: S311  (ids are no secrets; the system's randomness costs a system call)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_IDS.seed)


class Members(TypedDict, total=False):
    """What a hop says of its span."""

    trace: str
    span: str
    parent: str


@dataclass(frozen=True, slots=True)
class Span:
    """One hop of a trace: ids as lower-case hex, `flags` two digits.

    `parent` is the span of the caller, empty for the first of a trace. An empty `id` is a caller who names a
    trace but not himself.
    """

    trace: str
    id: str
    parent: str = ""
    flags: str = "01"

    @property
    def traceparent(self) -> str:
        """The header that makes this span the parent of what is called."""
        return f"00-{self.trace}-{self.id}-{self.flags}"

    def amazon(self, *, sampled: bool) -> str:
        """The same as X-Amzn-Trace-Id; `sampled` tells X-Ray whether to keep the trace."""
        return f"Root=1-{self.trace[:8]}-{self.trace[8:]};Parent={self.id};Sampled={int(sampled)}"

    def child(self) -> Span:
        """A span of the same trace that this one called."""
        return Span(self.trace, _random(8), self.id, self.flags)


CURRENT: ContextVar[Span | None] = ContextVar("skerry_span", default=None)
"""The span on whose behalf this task or thread works; None outside of requests."""


def parse(traceparent: str) -> Span | None:
    """The caller's span in a `traceparent`; None for a bad one, whose request begins a trace of its own.

    Flags that the specification does not define come out as zero, as it asks of those who pass them on.
    """
    match = _TRACEPARENT.fullmatch(traceparent) if len(traceparent) <= LONGEST else None
    if match is None:
        return None
    version, trace, span, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or trace == _NO_TRACE or span == _NO_SPAN:
        return None
    if flags not in _FLAGS:
        flags = f"{int(flags, 16) & _KNOWN_FLAGS:02x}"
    return Span(trace, span, "", flags)


def parse_amazon(header: str) -> Span | None:
    """The caller's span in an X-Amzn-Trace-Id (`Root=1-8hex-24hex;Parent=16hex;Sampled=1`), or None.

    Without a good Parent the trace goes on and nobody is its parent. Only `Sampled=0` says not to sample.
    """
    if len(header) > LONGEST:
        return None
    given = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    root = _ROOT.fullmatch(given.get("Root", ""))
    if root is None or (trace := root[1] + root[2]) == _NO_TRACE:
        return None
    parent = given.get("Parent", "")
    known = _ID.fullmatch(parent) is not None and parent != _NO_SPAN
    return Span(trace, parent if known else "", flags="00" if given.get("Sampled") == "0" else "01")


def begin(traceparent: str = "", amazon: str = "") -> Span:
    """The span of a request with these headers: in its caller's trace, else the first of a new one."""
    found = _caller(traceparent, amazon)
    return found.child() if found is not None else Span(_random(16), _random(8))


def caller(headers: Mapping[str, str]) -> Span | None:
    """The caller's own span, for a program that is no hop itself and passes on what it was given."""
    return _caller(headers.get(TRACEPARENT, ""), headers.get(AMAZON, ""))


def of(headers: Iterable[tuple[bytes, bytes]]) -> Span:
    """The span of a request with these pairs of ASGI, names in lower case. A doubled `traceparent` is bad."""
    traceparent = amazon = ""
    for name, value in headers:
        if name == _TRACEPARENT_NAME:
            traceparent += value.decode("latin-1")
        elif name == _AMAZON_NAME:
            amazon = value.decode("latin-1")
    return begin(traceparent, amazon)


def of_mapping(headers: Mapping[str, str]) -> Span:
    """The span of a request with these headers, which are found without regard to case or in lower case."""
    return begin(headers.get(TRACEPARENT, ""), headers.get(AMAZON, ""))


def next_hop() -> Span:
    """The span of what is called next: below the current one, or the first of a trace."""
    current = CURRENT.get()
    return current.child() if current is not None else begin()


def of_meta(meta: object) -> dict[str, str]:
    """The trace context in the `_meta` of an MCP message, as the headers of the same names that say it.

    Empty without a good `traceparent`; `tracestate` and `baggage` that no header can hold are left out.
    Source: MCP 2026-07-28, basic, `_meta`: reserved keys of W3C Trace Context and W3C Baggage.
    """
    if not isinstance(meta, dict):
        return {}
    traceparent = meta.get(TRACEPARENT)
    if not isinstance(traceparent, str) or parse(traceparent) is None:
        return {}
    found = {TRACEPARENT: traceparent}
    for name, longest in _BESIDE.items():
        value = meta.get(name)
        if isinstance(value, str) and 0 < len(value) <= longest and value.isascii() and value.isprintable():
            found[name] = value
    return found


@contextmanager
def within(span: Span | None) -> Iterator[Span | None]:
    """What happens inside works on behalf of `span`.

    Not around a `yield` of an asynchronous generator that different tasks go on with.
    """
    before = CURRENT.set(span)
    try:
        yield span
    finally:
        CURRENT.reset(before)


def members(span: Span | None = None) -> Members:
    """What a hop says of its span, by default of the current one; nothing where there is none."""
    span = span or CURRENT.get()
    return {} if span is None else {"trace": span.trace, "span": span.id, "parent": span.parent}


def outgoing() -> dict[str, str]:
    """The header for what is called on behalf of the current span; none where there is none."""
    span = CURRENT.get()
    return {} if span is None or not span.id else {TRACEPARENT: span.traceparent}


def mark(**sent: Any) -> None:
    """Adds `outgoing` to `request`, which is about to be sent; fits botocore's event `before-send`.

    That comes after signing: whoever passes a request on may change its trace.
    """
    headers: MutableMapping[str, str] = sent["request"].headers
    for name, value in outgoing().items():
        headers[name] = value


def _caller(traceparent: str, amazon: str) -> Span | None:
    return (parse(traceparent) if traceparent else None) or (parse_amazon(amazon) if amazon else None)


def _random(size: int) -> str:
    return _IDS.randbytes(size).hex()
