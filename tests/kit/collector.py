"""A collector of OpenTelemetry on loopback: takes OTLP over HTTP in its JSON encoding, and keeps the spans."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.kit.asgi_thread import body_of, serve

TIMEOUT = 30.0
Span = dict[str, Any]


@dataclass
class Collector:
    """An ASGI application. `statuses` are what the next requests are answered with, then 200.

    `spans` have `service` and their attributes as a mapping, `requests` path and headers.
    """

    statuses: list[int] = field(default_factory=list)
    url: str = ""
    spans: list[Span] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        with self._changed:
            status = self.statuses.pop(0) if self.statuses else 200
            self.requests.append((scope["path"], headers))
            if status == 200:
                self.spans += spans_of(json.loads(body))
            self._changed.notify_all()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    def until(self, fits: Callable[[Collector], bool]) -> None:
        """Returns when `fits`."""
        with self._changed:
            assert self._changed.wait_for(lambda: fits(self), TIMEOUT), self.spans

    def span(self, **wanted: Any) -> Span:
        """The first span with these members, when it has come."""
        found: list[Span] = []

        def there(_: Collector) -> bool:
            found[:] = [span for span in self.spans if wanted.items() <= span.items()]
            return bool(found)

        self.until(there)
        return found[0]


@contextlib.contextmanager
def collector(*statuses: int) -> Iterator[Collector]:
    """A collector that listens."""
    made = Collector(list(statuses))
    with serve(made, lifespan="off") as made.url:
        yield made


def spans_of(request: dict[str, Any]) -> list[Span]:
    """The spans of an export request, read as OTLP's JSON encoding is."""
    found = []
    for group in request["resourceSpans"]:
        service = attributes(group["resource"]["attributes"])["service.name"]
        for scope in group["scopeSpans"]:
            found += [
                {**span, "service": service, "attributes": attributes(span["attributes"])}
                for span in scope["spans"]
            ]
    return found


def attributes(given: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes as a mapping: 64-bit integers come as strings."""
    read: dict[str, Callable[[Any], Any]] = {"stringValue": str, "intValue": int, "doubleValue": float}
    found = {}
    for item in given:
        ((kind, value),) = item["value"].items()
        found[item["key"]] = read[kind](value)
    return found
