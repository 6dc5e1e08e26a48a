from __future__ import annotations

import pytest

from skerry.local.aws.cloudformation.differences import Version, differences


def version(properties, *, parameters=None, conditions=None, mappings=None, **attributes):
    resources = {"A": {"Type": "T", "Properties": properties, **attributes}}
    return Version(resources, parameters or {}, conditions or {}, mappings or {})


@pytest.mark.behaviour("CFN-CHANGES-LISTED")
@pytest.mark.parametrize(
    "part",
    [
        {"Ref": "P"},
        {"Fn::Sub": "x-${P}"},
        {"Fn::Sub": ["${X}", {"X": {"Ref": "P"}}]},
        {"Fn::Join": ["-", ["a", {"Ref": "P"}]]},
        {"Fn::FindInMap": ["M", {"Ref": "P"}, "k"]},
        {"Fn::If": ["C", 1, {"Fn::GetAtt": ["B", "Arn"]}]},
    ],
)
def test_a_resource_is_listed_when_a_value_makes_it_another(part):
    def given(value):
        mappings = {"M": {"a": {"k": 1}, "b": {"k": 2}}}
        conditions = {"C": value == "a"}
        return version({"X": [part]}, parameters={"P": value}, conditions=conditions, mappings=mappings)

    assert list(differences(given("a"), given("a"))) == []
    assert list(differences(given("a"), given("b"))) == [("Modify", "A", "T")]


@pytest.mark.behaviour("CFN-CHANGES-LISTED")
@pytest.mark.parametrize(
    "part",
    [
        {"Ref": "Other"},
        {"Fn::Sub": ["${P}", {"P": "own"}]},
        {"Fn::Sub": "${!P}"},
        {"Fn::FindInMap": ["M", {"Ref": "Q"}, "k"]},
        {"Fn::FindInMap": ["Nothing", "a", "k"]},
    ],
)
def test_a_resource_is_not_listed_for_values_that_are_not_its_own(part):
    def given(value):
        mappings = {"M": {"a": {"k": 1}, "b": {"k": 1}}}
        return version({"X": part}, parameters={"P": value, "Q": value}, mappings=mappings)

    assert list(differences(given("a"), given("b"))) == []


def test_other_names_with_the_same_value_are_no_change():
    before = version({"X": {"Ref": "P"}}, parameters={"P": "a"})
    assert list(differences(before, version({"X": "a"}, DependsOn="B"))) == []


@pytest.mark.behaviour("CFN-CHANGES-LISTED")
def test_conditions_add_and_remove():
    on = version({}, conditions={"C": True}, Condition="C")
    off = version({}, conditions={"C": False}, Condition="C")
    assert list(differences(off, on)) == [("Add", "A", "T")]
    assert list(differences(on, off)) == [("Remove", "A", "T")]
    assert list(differences(off, off)) == []
    assert list(differences(Version({}), on)) == [("Add", "A", "T")]
