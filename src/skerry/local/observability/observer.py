"""What becomes of each hop: counted for CloudWatch, and sent as a span where somebody wants spans."""

from __future__ import annotations

from skerry.local.observability.calls import Calls
from skerry.local.observability.cloudwatch import CloudWatch
from skerry.local.observability.exporter import SpanExporter
from skerry.wire.hop import Hop, is_look


class Observer:
    """Listens to the recorder. Without an exporter nothing leaves the stack."""

    def __init__(self, cloudwatch: CloudWatch, exporter: SpanExporter | None = None) -> None:
        self._calls = Calls()
        self._cloudwatch = cloudwatch
        self._exporter = exporter

    def record(self, hop: Hop) -> None:
        """Never blocks and never raises."""
        if not hop.resource and self._exporter is None:
            return
        call = self._calls.of(hop)
        self._cloudwatch.add(call)
        if self._exporter is not None and not is_look(hop):
            self._exporter.add(call)
