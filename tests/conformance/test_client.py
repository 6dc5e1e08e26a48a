"""Our client before the official suite, where Node and the suite are installed: a few scenarios of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import suite
from tests.conformance.comparison import Excuse, failures
from tests.conformance.suite import Check, Results

NODE = pytest.mark.skipif(not suite.installed(), reason="needs Node and the suite: make conformance")


@NODE
@pytest.mark.behaviour("LOGIN-SUITE")
@pytest.mark.parametrize(
    ("scenario", "revision", "check"),
    [
        ("auth/metadata-var3", "2025-11-25", "resource-parameter-matches-prm"),
        ("auth/scope-step-up", "2026-07-28", "sep-2350-scope-union-on-reauth"),
        ("auth/authorization-server-migration", "2026-07-28", "sep-2352-no-cross-as-credential-reuse"),
        ("auth/client-credentials-jwt", "2026-07-28", "client-credentials-jwt-verified"),
        ("auth/enterprise-managed-authorization", "2026-07-28", "complete-flow-jwt-bearer"),
    ],
)
def test_a_scenario_passes(tmp_path: Path, scenario: str, revision: str, check: str):
    results = suite.run_client(revision, tmp_path / "results", scenario)
    assert failures(results, []) == ([], [])
    assert any(found.id == check for found in results.statuses), sorted(map(str, results.statuses))


def test_what_fails_without_a_reason_and_what_has_one_without_failing():
    bad, good = Check("auth/dpop", "proof"), Check("auth/basic-cimd", "document")
    results = Results({bad: {"FAILURE": 1}, good: {"SUCCESS": 2}}, {bad: ("none",)})
    assert failures(results, []) == ([bad], [])
    known = Excuse("2026-07-28", bad, "why", "client")
    assert failures(results, [known]) == ([], [])
    stale = Excuse("2026-07-28", good, "why", "client")
    elsewhere = Excuse("2026-07-28", Check("auth/other", "x"), "why", "client")
    assert failures(results, [known, stale, elsewhere]) == ([], [stale])
