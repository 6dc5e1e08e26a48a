"""Texts of parts, and what a value refers to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.deploy.template.intrinsics import attribute, joined, mentioned, ref, sub, when

PART = st.text(max_size=8) | st.sampled_from([ref("One"), attribute("Two", "Arn"), sub("{{x:${One}}}")])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], ""),
        (["a", "b"], "ab"),
        ([ref("A")], {"Ref": "A"}),
        ([ref("A"), "/v1"], {"Fn::Sub": "${A}/v1"}),
        (["x ", attribute("A", "Arn")], {"Fn::Sub": "x ${A.Arn}"}),
        (["$", ref("A")], {"Fn::Join": ["", ["$", {"Ref": "A"}]]}),
        ([when("C", "x"), "y"], {"Fn::Join": ["", [when("C", "x"), "y"]]}),
    ],
)
def test_parts_become_one_text(parts: list, expected: object):
    assert expected == joined(parts)


@given(st.lists(PART, max_size=6))
def test_parts_keep_their_meaning(parts: list):
    """Whatever form is chosen, its value is that of the parts one after the other."""
    assert "".join(map(_value, parts)) == _value(joined(parts))


def _value(part: object) -> str:
    """What CloudFormation would make of it."""
    match part:
        case str():
            return part
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, member]}:
            return f"<{name}.{member}>"
        case {"Fn::Sub": text}:
            for name in ("One", "Two.Arn"):
                text = text.replace(f"${{{name}}}", f"<{name}>")
            return text
        case {"Fn::Join": ["", items]}:
            return "".join(map(_value, items))
    raise AssertionError(part)


def test_what_a_value_mentions():
    value = {
        "a": [ref("A"), sub("${B.Arn}/${AWS::Region}/${!C}")],
        "b": {"Fn::Sub": ["${D}${E}", {"D": ref("F")}]},
    }
    assert ["A", "B", "AWS::Region", "E", "F"] == list(mentioned(value))
