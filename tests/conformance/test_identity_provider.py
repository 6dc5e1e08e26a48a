"""The official suite signs in at the identity provider; where Node and the suite are not installed, it is skipped."""

from __future__ import annotations

import pytest

from tests.conformance import identity, suite


@pytest.mark.behaviour("IDP-CONFORMANCE")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", suite.REVISIONS)
def test_metadata_and_code_grant_pass(tmp_path, revision):
    if not suite.installed():
        pytest.skip("the official suite is not installed; `make conformance` does it")
    with identity.provider() as running:
        results = identity.run(running, revision, tmp_path / "results")
    assert (
        results.count("SUCCESS", scenario="authorization-server-authorization-server-metadata-endpoint") >= 1
    )
    assert results.count("SUCCESS", scenario="authorization-server-authorization-code-grant") == 1
    assert results.count("FAILURE", "SKIPPED") == 0, results.messages
