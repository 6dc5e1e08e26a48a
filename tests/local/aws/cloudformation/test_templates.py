import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.aws.cloudformation.schemas import PREFIX
from skerry.local.aws.cloudformation.templates import (
    TemplateError,
    attributes_in_two_parts,
    check,
    made_here,
    order,
)

IDENTITY = f"{PREFIX}WorkloadIdentity"


def template(**resources):
    return {"Resources": resources}


def resource(**members):
    return {"Type": "AWS::SNS::Topic", **members}


@pytest.mark.behaviour("CFN-ORDER")
@pytest.mark.parametrize(
    "need",
    [
        {"Properties": {"X": {"Ref": "B"}}},
        {"Properties": {"X": {"Fn::GetAtt": ["B", "Arn"]}}},
        {"Properties": {"X": {"Fn::GetAtt": "B.Arn"}}},
        {"Properties": {"X": {"Fn::Sub": "a ${B} b"}}},
        {"Properties": {"X": {"Fn::Sub": "a ${B.Arn.C} b"}}},
        {"Properties": {"X": {"Fn::Sub": ["${Y}", {"Y": {"Ref": "B"}}]}}},
        {"Properties": {"X": [{"Fn::Join": ["", ["a", {"Ref": "B"}]]}]}},
        {"Properties": {"X": {"Fn::If": ["C", {"Ref": "B"}, {"Ref": "AWS::NoValue"}]}}},
        {"DependsOn": "B"},
        {"DependsOn": ["B"]},
    ],
)
def test_what_is_needed_comes_first(need):
    assert ["B", "A"] == order(template(A=resource(**need), B=resource()))


def test_literals_pseudo_parameters_and_names_of_a_sub_are_no_needs():
    text = {"Fn::Sub": ["${!B} ${AWS::Region} ${Own}", {"Own": 1}]}
    assert ["A"] == order(template(A=resource(Properties={"X": text})))
    assert ["A"] == order({"Parameters": {"P": {}}, **template(A=resource(Properties={"X": {"Ref": "P"}}))})


def test_a_circle_and_an_unknown_name_are_told():
    with pytest.raises(TemplateError, match=r"Circular dependency between resources: \[.*A.*\]"):
        order(template(A=resource(DependsOn="B"), B=resource(DependsOn="A")))
    with pytest.raises(TemplateError, match=r"Unresolved resource dependencies \[Nobody\]"):
        order(template(A=resource(Properties={"X": {"Ref": "Nobody"}})))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20))
def test_any_graph_without_circles_is_put_in_order(pairs):
    edges = [(max(pair), min(pair)) for pair in pairs if pair[0] != pair[1]]
    resources = {
        f"R{n}": resource(DependsOn=[f"R{low}" for high, low in edges if high == n]) for n in range(8)
    }
    found = order(template(**resources))
    assert sorted(found) == sorted(resources)
    assert all(found.index(f"R{low}") < found.index(f"R{high}") for high, low in edges)


@pytest.mark.behaviour("CFN-NOT-EMULATED")
def test_types_that_are_not_here_are_named_before_anything_is_made():
    memory = template(M={"Type": f"{PREFIX}Memory"}, B={"Type": f"{PREFIX}BrowserCustom"})
    with pytest.raises(
        TemplateError, match=r"BrowserCustom, AWS::BedrockAgentCore::Memory\]; .* Runtime, RuntimeEnd"
    ):
        check(memory, lambda _: True)
    with pytest.raises(TemplateError, match=r"Unrecognized resource types: \[AWS::BedrockAgentCore::Wheel\]"):
        check(template(W={"Type": f"{PREFIX}Wheel"}), lambda _: True)
    check(memory, lambda _: False)


def test_properties_are_looked_at_where_the_condition_holds():
    wrong = template(I={"Type": IDENTITY, "Properties": {"Name": "abc", "Url": 1}})
    with pytest.raises(TemplateError, match=r"validation failed for resource I .*extraneous key \[Url\]"):
        check(wrong, lambda _: True)
    check(wrong, lambda _: False)
    with pytest.raises(TemplateError, match="expected type: JSONObject"):
        check(template(I={"Type": IDENTITY, "Properties": ["Name"]}), lambda _: True)


def test_only_resources_of_agentcore_count():
    assert made_here(None, template(I={"Type": IDENTITY}))
    assert made_here(template(S={"Type": "AWS::CloudFormation::Stack"}))
    assert not made_here(None, {}, {"Resources": None}, template(A=resource(), B="text"))


def test_attributes_are_written_in_one_way():
    given_ = {"A": [{"Fn::GetAtt": "B.C.D"}, {"Fn::GetAtt": ["B", "C", "D"]}, {"Fn::GetAtt": ["B", "C"]}]}
    assert {
        "A": [{"Fn::GetAtt": ["B", "C.D"]}] * 2 + [{"Fn::GetAtt": ["B", "C"]}]
    } == attributes_in_two_parts(given_)
    odd = {"Fn::GetAtt": ["B", {"Ref": "P"}]}
    assert odd == attributes_in_two_parts(odd)
