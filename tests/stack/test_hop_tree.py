"""Below which hop another one is shown."""

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.stack.commands.hops import tree
from skerry.stack.hop_tree import placed
from skerry.wire.hop import Hop

ONE, TWO = "1" * 32, "2" * 32


def hop(name: str, start: float, end: float, **members: Any) -> dict[str, Any]:
    """A hop between two times in seconds; `name` is `part operation`."""
    part, _, operation = name.partition(" ")
    made = {"identity": "ann", "auth": "jwt", "status": 200, **members}
    return asdict(
        Hop(part=part, operation=operation, started=start, duration_ms=1000 * (end - start), **made)
    )


def traced(name: str, start: float, end: float, ids: str, **members: Any) -> dict[str, Any]:
    """The same with `ids`: `trace/span/parent`."""
    trace, span, parent = ids.split("/")
    return hop(name, start, end, trace=trace, span=span, parent=parent, **members)


def shown(*hops: dict[str, Any]) -> list[str]:
    return ["  " * depth + f"{item['part']} {item['operation']}".strip() for depth, item in placed(hops)]


@pytest.mark.behaviour("HOPS-TREE")
def test_calls_side_by_side_stand_below_their_own_callers():
    assert shown(
        traced("gateway a", 0, 9, f"{ONE}/a1/"),
        traced("gateway → a", 1, 8, f"{ONE}/a2/a1"),
        traced("accounts a", 2, 7, f"{ONE}/a3/a2"),
        traced("gateway b", 3, 6.5, f"{TWO}/b1/"),
        traced("gateway → b", 3.1, 6.4, f"{TWO}/b2/b1"),
        traced("accounts b", 3.2, 6.3, f"{TWO}/b3/b2"),
    ) == [
        "gateway a",
        "  gateway → a",
        "    accounts a",
        "gateway b",
        "  gateway → b",
        "    accounts b",
    ]


@pytest.mark.behaviour("HOPS-TREE")
def test_two_calls_of_one_request_are_told_apart_too():
    assert shown(
        traced("runtime ask", 0, 9, f"{ONE}/r/"),
        traced("gateway a", 1, 8, f"{ONE}/a1/r"),
        traced("gateway → a", 2, 7, f"{ONE}/a2/a1"),
        traced("gateway b", 3, 6, f"{ONE}/b1/r"),
        traced("gateway → b", 4, 5, f"{ONE}/b2/b1"),
    ) == ["runtime ask", "  gateway a", "    gateway → a", "  gateway b", "    gateway → b"]


@pytest.mark.behaviour("HOPS-TREE")
def test_the_caller_counts_and_not_the_time():
    """What is called may end after its caller, as an event that a function gets does."""
    assert shown(
        traced("functions later", 3, 9, f"{ONE}/f/r"),
        traced("runtime other", 0, 20, f"{TWO}/o/", session="s2"),
        traced("runtime ask", 2, 4, f"{ONE}/r/", session="s1"),
    ) == ["runtime other", "runtime ask", "  functions later"]


@pytest.mark.behaviour("HOPS-TREE")
def test_hops_without_traces_stand_where_time_puts_them():
    assert shown(hop("a", 0, 9), hop("b", 1, 8), hop("c", 2, 3), hop("d", 8.5, 10)) == [
        "a",
        "  b",
        "    c",
        "d",
    ]


@pytest.mark.behaviour("HOPS-TREE")
def test_what_a_program_calls_that_passes_no_trace_stands_below_it_by_time():
    ask = traced("runtime ask", 0, 9, f"{ONE}/r/", session="s1")
    for proof in ("jwt", "sigv4"):
        inner = traced("models Converse", 1, 2, f"{TWO}/m/", session="s1", auth=proof)
        assert shown(ask, inner) == ["runtime ask", "  models Converse"]
    assert shown(ask, traced("gateway list", 1, 2, f"{TWO}/g/")) == ["runtime ask", "  gateway list"]


@pytest.mark.behaviour("HOPS-TREE")
@pytest.mark.parametrize(
    "caller",
    [
        traced("models Converse", 0, 9, f"{ONE}/r/", session="s1"),  # it calls nobody
        traced("gateway tools/call", 0, 9, f"{ONE}/r/", session="s1"),  # its calls name it
        traced("runtime ask", 0, 9, f"{ONE}/r/", session="s2"),  # somebody else's
    ],
    ids=["calls nobody", "names itself", "another session"],
)
def test_a_hop_that_begins_a_trace_stands_below_none_that_cannot_have_called_it(caller):
    inner = traced("gateway list", 1, 2, f"{TWO}/g/", session="s1")
    assert shown(caller, inner)[1] == "gateway list"


@pytest.mark.behaviour("HOPS-TREE")
def test_what_is_signed_by_no_session_was_called_in_none():
    ask = traced("runtime ask", 0, 9, f"{ONE}/r/", session="s1")
    assert shown(ask, traced("control List", 1, 2, f"{TWO}/c/", auth="sigv4"))[1] == "control List"


@pytest.mark.behaviour("HOPS-TREE")
def test_a_caller_that_is_not_shown_leaves_the_trace_to_go_by():
    """An instrumented program has spans of its own, and a filter hides hops."""
    ask = traced("runtime ask", 0, 9, f"{ONE}/r/", session="s1")
    other = traced("runtime other", 0.5, 8.5, f"{TWO}/o/", session="s2")
    first = traced("gateway a", 1, 8, f"{ONE}/a1/elsewhere")
    assert shown(
        ask,
        other,
        first,
        traced("gateway → a", 1.5, 7, f"{ONE}/a2/a1"),
        traced("accounts a", 1.6, 6, f"{ONE}/a3/a2"),
        traced("gateway b", 2, 5, f"{ONE}/b1/elsewhere too"),
    ) == ["runtime ask", "  gateway a", "    gateway → a", "      accounts a", "  gateway b", "runtime other"]
    assert shown(other, first) == ["runtime other", "gateway a"]


names = st.sampled_from(["", "a", "b", "c", "d"])


@given(
    st.lists(
        st.builds(
            lambda start, took, ids, part: traced(f"{part} x", start, start + took, "/".join(ids)),
            st.integers(0, 5),
            st.integers(0, 5),
            st.tuples(st.sampled_from(["", ONE, TWO]), names, names),
            st.sampled_from(["runtime", "gateway", "models"]),
        ),
        max_size=12,
    )
)
def test_every_hop_is_shown_once_whatever_they_say(hops):
    found = list(placed(hops))
    assert sorted(map(id, hops)) == sorted(id(item) for _, item in found)
    depth = -1
    for here, _ in found:
        assert 0 <= here <= depth + 1
        depth = here
    assert len(list(tree(hops))) == len(hops)
