"""Logical ids for any names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.deploy.template.names import LogicalIds

NAMES = st.text(min_size=1, max_size=120)
PATHS = st.tuples(st.sampled_from(["Runtime", "Gateway", "Function"]), NAMES) | st.tuples(
    st.just("Gateway"), NAMES, st.just("Target"), NAMES
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("Runtime", "ops_jwt"), "RuntimeOpsJwt"),
        (("Gateway", "desk-jwt", "Target", "aws"), "GatewayDeskJwtTargetAws"),
        (("Runtime", "weather", "Role"), "RuntimeWeatherRole"),
        (("Gateway", "g2", "RateLimit1"), "GatewayG2RateLimit1"),
    ],
)
def test_an_id_reads_as_the_name(path: tuple[str, ...], expected: str):
    assert expected == LogicalIds().of(*path)


def test_names_that_would_share_an_id_get_a_digest():
    ids = LogicalIds()
    found = [ids.of("Runtime", name) for name in ("opsjwt", "ops_jwt", "opsJwt", "OpsJwt")]
    assert len(set(found)) == 4
    assert found[1] == "RuntimeOpsJwt"


@pytest.mark.behaviour("DEPLOY-IDS")
@given(st.lists(PATHS, unique=True, max_size=30))
def test_ids_are_valid_and_unique_for_any_names(paths: list[tuple[str, ...]]):
    ids = LogicalIds()
    found = [ids.of(*path) for path in paths]
    assert len(set(found)) == len(paths)
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,255}", name, re.ASCII) for name in found)
    assert found == [ids.of(*path) for path in paths]
