"""Resources that wait for each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.deploy.template import order
from skerry.deploy.template.draft import Resource
from skerry.deploy.template.intrinsics import ref
from skerry.errors import ConfigurationError
from tests.deploy.kit import template

TWO = """
[runtimes.one]
path = "code"
environment = { OTHER = "${runtimes.two.url}" }

[runtimes.two]
path = "code"
environment = { OTHER = "${runtimes.one.arn}" }
"""
INTERCEPTOR = """
[functions.before]
path = "fn"
handler = "handler.before"
environment = { GATEWAY = "${gateways.g.url}" }

[gateways.g]
interceptors = { request = "before" }
"""


@pytest.mark.behaviour("DEPLOY-CIRCLES")
@pytest.mark.parametrize(
    ("text", "tables"),
    [(TWO, ("[runtimes.one]", "[runtimes.two]")), (INTERCEPTOR, ("[functions.before]", "[gateways.g]"))],
)
def test_tables_that_need_each_other_are_named(tmp_path: Path, text: str, tables: tuple[str, str]):
    with pytest.raises(ConfigurationError) as error:
        template(tmp_path, text)
    assert all(table in error.value.message for table in tables)
    assert "needs" in error.value.message


def test_an_agent_behind_the_gateway_that_it_calls_is_no_circle(tmp_path: Path):
    text = '[runtimes.a]\npath = "code"\n[gateways.g.targets.a]\nruntime = "a"\n'
    assert "RuntimeA" in template(tmp_path, text)["Resources"]


@given(st.integers(2, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30))
def test_a_circle_is_found_exactly_where_there_is_one(size: int, edges: list[tuple[int, int]]):
    kept = [(one, two) for one, two in edges if one < size and two < size]
    resources = {
        f"R{one}": Resource("T", {"x": [ref(f"R{two}") for first, two in kept if first == one]}, f"[t.{one}]")
        for one in range(size)
    }
    reached = {one: {two for first, two in kept if first == one} for one in range(size)}
    for _ in range(size):
        reached = {one: found.union(*(reached[two] for two in found)) for one, found in reached.items()}
    if any(one in found for one, found in reached.items()):
        with pytest.raises(ConfigurationError):
            order.check(resources, "skerry.toml")
    else:
        order.check(resources, "skerry.toml")
