"""What becomes of a hop."""

from __future__ import annotations

import json

from skerry.local.observability.cloudwatch import CloudWatch
from skerry.local.observability.exporter import SpanExporter
from skerry.local.observability.observer import Observer
from skerry.local.state.recorder import HopRecorder
from skerry.settings.traces import TracesSettings
from skerry.wire.hop import LOOKED
from tests.kit.clock import FakeClock
from tests.kit.collector import collector
from tests.local.observability.hops import hop, to_target, tool_call


async def test_a_recorded_hop_is_counted_and_sent_but_looking_is_not_sent() -> None:
    written: list[bytes] = []

    async def write(body: bytes) -> None:
        written.append(body)

    with collector() as found:
        cloudwatch = CloudWatch(write, FakeClock(), place=("123456789012", "us-east-1"))
        exporter = SpanExporter(TracesSettings(url=f"{found.url}/v1/traces"))
        recorder = HopRecorder()
        recorder.subscribe(Observer(cloudwatch, exporter).record)
        await exporter.start()
        for item in (
            to_target(),
            tool_call(),
            hop(part="control", detail={LOOKED: "skerry up"}, resource=""),
        ):
            recorder.record(item)
        await cloudwatch.flush()
        await exporter.close()
    assert len(recorder.hops()) == 3
    assert [span["kind"] for span in found.spans] == [3, 2]
    named = {item["name"]: item["sum"] for item in json.loads(written[0])["metrics"]}
    assert named["TargetExecutionTime"] == 4.0
