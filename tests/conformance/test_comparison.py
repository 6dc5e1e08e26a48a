"""What the comparison finds in results, and what it lets pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.comparison import EXCEPTIONS, Excuse, differences, excuses, judged, table
from tests.conformance.suite import REVISIONS, Check, Results, read

REVISION = REVISIONS[0]
POLLING, PING = Check("server-sse-polling", "server-sse-retry-field"), Check("ping", "ping")


def results(**statuses: dict[str, int]) -> Results:
    known = {"polling": POLLING, "ping": PING}
    return Results({known[name]: counted for name, counted in statuses.items()}, {})


def test_the_suites_files_are_read(tmp_path: Path):
    folder = tmp_path / "server-server-sse-polling-2026-11-21T04-52-44-688Z"
    folder.mkdir()
    checks = [
        {"id": "outgoing-request", "status": "INFO"},
        {"id": "server-sse-retry-field", "status": "SUCCESS"},
        {"id": "server-sse-retry-field", "status": "WARNING", "errorMessage": "no retry field"},
    ]
    (folder / "checks.json").write_text(json.dumps(checks))
    found = read(tmp_path)
    assert found.statuses == {POLLING: {"SUCCESS": 1, "WARNING": 1}}
    assert found.messages == {POLLING: ("no retry field",)}
    assert found.scenarios() == ["server-sse-polling"]


@pytest.mark.parametrize(
    ("direct", "chain"),
    [
        ({"polling": {"SUCCESS": 1}}, {"polling": {"FAILURE": 1}}),
        ({"polling": {"SUCCESS": 1}}, {"polling": {"WARNING": 1}}),
        ({"polling": {"SUCCESS": 2}}, {"polling": {"SUCCESS": 1, "FAILURE": 1}}),
        ({"polling": {"SUCCESS": 1}}, {}),
        ({}, {"polling": {"SUCCESS": 1}}),
        ({"polling": {"FAILURE": 1}}, {"polling": {"SUCCESS": 1}}),
    ],
)
def test_every_other_outcome_is_a_difference(direct: dict, chain: dict):
    both = {"ping": {"SUCCESS": 1}}
    found = differences(results(**direct, **both), results(**chain, **both))
    assert [difference.check for difference in found] == [POLLING]


def test_only_differences_without_an_excuse_are_left():
    found = differences(
        results(polling={"SUCCESS": 1}, ping={"SUCCESS": 1}),
        results(polling={"FAILURE": 1}, ping={"FAILURE": 1}),
    )
    excuse = Excuse(REVISION, POLLING, "stdio has no streams")
    unexcused, stale = judged(REVISION, found, [excuse], ["ping", POLLING.scenario])
    assert [difference.check for difference in unexcused] == [PING]
    assert stale == []
    assert len(judged("2026-07-28", found, [excuse], ["ping"])[0]) == 2


def test_an_excuse_without_a_difference_is_stale_when_its_scenario_ran():
    excuse = Excuse(REVISION, POLLING, "stdio has no streams")
    assert judged(REVISION, [], [excuse], [POLLING.scenario]) == ([], [excuse])
    assert judged(REVISION, [], [excuse], ["ping"]) == ([], [])
    assert judged("2026-07-28", [], [excuse], [POLLING.scenario]) == ([], [])


def test_the_table_counts_a_warning_as_failed():
    lines = list(table({"direct": results(polling={"SUCCESS": 2, "WARNING": 1}), "chain": results()}))
    assert lines[-1].split() == ["all", "2", "/", "1", "0", "/", "0"]


def test_every_exception_has_its_reason():
    rows = excuses(EXCEPTIONS)
    assert len({(row.road, row.revision, row.check) for row in rows}) == len(rows)
    for row in rows:
        assert row.revision in REVISIONS
        assert len(row.reason.split()) > 5, f"{row.check}: say why"
