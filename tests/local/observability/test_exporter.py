"""Spans on their way to a collector on loopback."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from skerry.local.observability.calls import Call
from skerry.local.observability.exporter import PATIENCE, SpanExporter
from skerry.settings.traces import TracesSettings
from tests.kit.collector import Collector, collector
from tests.local.observability.hops import hop

LATER = 3600.0
"""Seconds of a delay that no test waits for."""


@asynccontextmanager
async def exporting(url: str, **more: Any) -> AsyncIterator[SpanExporter]:
    settings = TracesSettings(url=f"{url}/v1/traces", headers={"x-key": "k"}, timeout=5)
    exporter = SpanExporter(settings, **{"delay": LATER, **more})
    await exporter.start()
    try:
        yield exporter
    finally:
        await exporter.close()


async def until(found: Collector, fits: Callable[[Collector], bool]) -> None:
    await asyncio.to_thread(found.until, fits)


def give(exporter: SpanExporter, *numbers: int) -> None:
    for number in numbers:
        exporter.add(Call(hop(span=f"{number:016x}")))


def ids(found: Collector) -> list[int]:
    return [int(span["spanId"], 16) for span in found.spans]


@pytest.mark.behaviour("OBS-OTLP")
async def test_a_whole_batch_is_sent_at_once_and_the_rest_at_the_end() -> None:
    with collector() as found:
        async with exporting(found.url, batch=2) as exporter:
            give(exporter, 1, 2, 3)
            await until(found, lambda it: len(it.spans) >= 2)
        assert ids(found) == [1, 2, 3]
        assert exporter.lost == 0
        assert {headers["x-key"] for _, headers in found.requests} == {"k"}
        await exporter.close()


@pytest.mark.behaviour("OBS-OTLP")
async def test_a_part_of_a_batch_is_sent_after_a_while() -> None:
    with collector() as found:
        async with exporting(found.url, delay=0.01) as exporter:
            give(exporter, 1)
            await until(found, lambda it: ids(it) == [1])
            give(exporter, 2)
            await until(found, lambda it: ids(it) == [1, 2])


@pytest.mark.behaviour("OBS-OTLP")
async def test_a_batch_is_sent_again_where_that_may_go_well(caplog: pytest.LogCaptureFixture) -> None:
    with collector(503, 429) as found, caplog.at_level(logging.WARNING):
        async with exporting(found.url, batch=2, delay=0.01) as exporter:
            give(exporter, 1, 2)
            await until(found, lambda it: len(it.spans) == 2)
        assert ids(found) == [1, 2]
        assert len(found.requests) == 3
        assert caplog.text.count("answers 503") == 1
        assert "answers again" in caplog.text
        assert found.url not in caplog.text


@pytest.mark.behaviour("OBS-OTLP")
async def test_a_batch_that_is_refused_is_lost_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with collector(400) as found, caplog.at_level(logging.WARNING):
        async with exporting(found.url, batch=1) as exporter:
            give(exporter, 1)
            await until(found, lambda it: len(it.requests) == 1)
            give(exporter, 2)
            await until(found, lambda it: ids(it) == [2])
        assert exporter.lost == 1
        assert "answers 400" in caplog.text
        assert "1 spans did not reach" in caplog.text


@pytest.mark.behaviour("OBS-BOUNDED")
async def test_without_a_collector_a_bounded_number_waits_and_the_oldest_go(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with caplog.at_level(logging.WARNING):
            async with exporting(url, batch=100, waiting=3) as exporter:
                give(exporter, *range(5))
                assert exporter.lost == 2
            assert exporter.lost == 5
    assert "does not answer" in caplog.text


@pytest.mark.behaviour("OBS-CLOSE")
async def test_a_collector_that_never_answers_does_not_hold_up_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with exporting(url, batch=1) as exporter:
            give(exporter, 1)
            began = time.monotonic()
        assert time.monotonic() - began < 2 * PATIENCE
        assert exporter.lost == 1


async def test_a_hop_without_a_span_has_none_to_send() -> None:
    with collector() as found:
        async with exporting(found.url, batch=1) as exporter:
            for ids_that_are_none in ({"span": "", "trace": ""}, {"span": "x" * 16}, {"parent": "no"}):
                exporter.add(Call(hop(**ids_that_are_none)))
            give(exporter, 7)
        assert ids(found) == [7]
