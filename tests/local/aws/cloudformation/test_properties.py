"""Properties of templates become members of the API: every property of every type, and any names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.aws.cloudformation.calls import MODEL
from skerry.local.aws.cloudformation.kinds import KINDS
from skerry.local.aws.cloudformation.properties import attribute, coerced, converted, is_intrinsic, names_of
from skerry.local.aws.cloudformation.schemas import alternatives, schema

API = botocore.session.Session().get_service_model(MODEL)
SCALARS = {
    "string": {"string", "timestamp"},
    "integer": {"integer", "long", "float", "double"},
    "number": {"integer", "long", "float", "double"},
    "boolean": {"boolean"},
}
NOT_IN_API = {
    ("AWS::BedrockAgentCore::Gateway", "CreateGateway", "WafConfiguration"),
}
"""Properties that an operation does not take; of creating, they are given by an update right after it."""


def members(operation: str) -> Any:
    return API.operation_model(operation).input_shape


def misfits(part: Any, shape: Any, root: Any, path: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Where a schema of CloudFormation and a shape of the API do not go together."""
    schemas = list(alternatives(part, root))
    named = {name: one for item in schemas for name, one in item.get("properties", {}).items()}
    if getattr(shape, "is_document_type", False):
        return
    if named:
        if shape.type_name != "structure":
            yield f"{path} is a {shape.type_name}"
            return
        lower = [name.lower() for name in shape.members]
        assert len(lower) == len(set(lower))
        for name, one in named.items():
            member = names_of(shape).get(name.lower())
            if member is None:
                yield f"{path}/{name} is no member"
            elif seen.count(f"{shape.name}.{name}") < 2:
                inner = (*seen, f"{shape.name}.{name}")
                yield from misfits(one, shape.members[member], root, f"{path}/{name}", inner)
        return
    types = {str(item["type"]) for item in schemas if "type" in item}
    items = [item["items"] for item in schemas if "items" in item]
    if items:
        if shape.type_name == "list":
            yield from misfits(items[0], shape.member, root, f"{path}[]", seen)
        else:
            yield f"{path} is a {shape.type_name}"
    elif types == {"object"}:
        values = [one for item in schemas for one in item.get("patternProperties", {}).values()]
        if shape.type_name == "map":
            for one in values:
                yield from misfits(one, shape.value, root, f"{path}{{}}", seen)
        else:
            yield f"{path} is a {shape.type_name}"
    elif not any(shape.type_name in SCALARS.get(kind, ()) for kind in types):
        yield f"{path} is a {shape.type_name}"


@pytest.mark.behaviour("CFN-PROPERTIES")
@pytest.mark.parametrize("name", KINDS)
def test_every_property_is_a_member_of_the_api_or_an_exception_that_is_listed(name):
    kind, known = KINDS[name], schema(name)
    for operation in {kind.creates, kind.updates}:
        shape = members(operation)
        for property_name, part in known.writable.items():
            changing = operation == kind.updates != kind.creates
            own = kind.adapted.keys() | (kind.adapted_update.keys() if changing else set())
            member = names_of(shape).get(property_name.lower())
            if property_name == "Tags":
                assert member in ({None} if changing else {"tags"})
            elif member is None:
                fixed = property_name in known.create_only or property_name in kind.keys.values()
                assert (name, operation, property_name) in NOT_IN_API or (changing and fixed), property_name
            elif property_name in own:
                assert list(misfits(part, shape.members[member], known.document, property_name))
            else:
                assert [] == list(misfits(part, shape.members[member], known.document, property_name))


@pytest.mark.parametrize("name", KINDS)
def test_what_is_listed_of_a_type_is_there(name):
    kind, known = KINDS[name], schema(name)
    for operation in (kind.gets, kind.deletes):
        shape = members(operation)
        assert set(kind.keys) <= set(shape.members)
        assert set(shape.required_members) <= set(kind.keys)
    assert set(members(kind.updates).required_members) >= {"resourceArn"} or set(kind.keys) <= set(
        members(kind.updates).members
    )
    told = {*kind.keys.values(), *kind.unique, *filter(None, [kind.parent, kind.arn])}
    assert told | kind.adapted.keys() | kind.adapted_update.keys() | kind.cleared.keys() <= set(
        known.properties
    )
    answer = API.operation_model(kind.gets).output_shape
    for attribute_name in known.read_only:
        assert kind.attributes.get(attribute_name, attribute_name).lower() in names_of(answer)


NAMES = st.text("abcXYZ-_.", min_size=1, max_size=12)


@given(st.dictionaries(NAMES, st.text(max_size=5), max_size=4))
def test_keys_of_maps_stay(variables):
    shape = members("CreateAgentRuntime").members["environmentVariables"]
    assert variables == converted(variables, shape)


@given(st.dictionaries(NAMES, st.fixed_dictionaries({"Type": st.just("string")}), max_size=4))
def test_names_of_a_tools_arguments_stay_and_what_is_around_them_changes(arguments):
    tool = {"Name": "t", "Description": "d", "InputSchema": {"Type": "object", "Properties": arguments}}
    given_ = {"Mcp": {"Lambda": {"LambdaArn": "a", "ToolSchema": {"InlinePayload": [tool]}}}}
    made = converted(given_, members("CreateGatewayTarget").members["targetConfiguration"])
    (shown,) = made["mcp"]["lambda"]["toolSchema"]["inlinePayload"]
    assert {"name": "t", "description": "d"} == {key: shown[key] for key in ("name", "description")}
    assert {name: {"type": "string"} for name in arguments} == shown["inputSchema"]["properties"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_free_documents_stay(document):
    given_ = {"Mcp": {"Connector": {"Configurations": [{"Name": "n", "ParameterValues": document}]}}}
    made = converted(given_, members("CreateGatewayTarget").members["targetConfiguration"])
    assert document == made["mcp"]["connector"]["configurations"][0]["parameterValues"]


@given(JSON, st.sampled_from(sorted(KINDS)))
def test_nothing_is_lost_on_the_way(value, name):
    """Whatever stands for a property: names differ in case, and no value disappears."""
    shape, document = members(KINDS[name].creates), schema(name).document

    def leaves(part):
        if isinstance(part, dict):
            return sorted(json.dumps([key.lower(), leaves(item)]) for key, item in part.items())
        return [leaves(item) for item in part] if isinstance(part, list) else repr(part)

    for member in shape.members:
        made = converted(value, shape.members[member])
        assert leaves(value) == leaves(made)
    coerced({"Name": value}, document, document)


def test_scalars_have_the_types_of_the_schema():
    root = {
        "properties": {
            "Text": {"type": "string"},
            "Number": {"type": "integer"},
            "Share": {"$ref": "#/definitions/Share"},
            "Flag": {"type": "boolean"},
            "List": {"type": "array", "items": {"type": "integer"}},
            "Either": {"oneOf": [{"properties": {"A": {"type": "integer"}}}, {"properties": {"B": {"type": "string"}}}]},
        },
        "definitions": {"Share": {"type": "number"}},
    }  # fmt: skip
    given_ = {
        "Text": 5, "Number": "5", "Share": "0.5", "Flag": "true", "List": ["1", None, 2], "Either": {"A": "1", "B": True}
    }  # fmt: skip
    assert {
        "Text": "5", "Number": 5, "Share": 0.5, "Flag": True, "List": [1, 2], "Either": {"A": 1, "B": "true"}
    } == coerced(given_, root, root)  # fmt: skip
    kept = {"Text": {"Ref": "A"}, "Number": "many", "Flag": "yes", "Other": "5"}
    assert kept == coerced(kept, root, root)


@pytest.mark.parametrize(
    "value", [{"Ref": "A"}, {"Fn::Sub": "x"}, {"Fn::GetAtt": ["A", "B"]}, {"Condition": "C"}]
)
def test_functions_are_recognised(value):
    assert is_intrinsic(value)
    assert not is_intrinsic({**value, "More": 1})
    assert not is_intrinsic({"Reference": 1})


def test_attributes_are_found_whatever_their_case():
    answer = {"workloadIdentityDetails": {"workloadIdentityArn": "arn"}}
    assert "arn" == attribute(answer, ["WorkloadIdentityDetails", "WorkloadIdentityArn"])
    assert attribute(answer, ["WorkloadIdentityDetails", "Other"]) is None
    assert attribute("text", ["A"]) is None
