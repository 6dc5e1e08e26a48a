"""What functions of custom resources are asked and may answer."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.aws.cloudformation import custom
from skerry.local.aws.cloudformation.custom import CustomResourceError, is_custom, mistakes

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:make"
EVENT = {"RequestType": "Create", "StackId": "arn:stack", "RequestId": "r", "LogicalResourceId": "C"}
GOOD = {"Status": "SUCCESS", "StackId": "arn:stack", "RequestId": "r", "LogicalResourceId": "C", "PhysicalResourceId": "p"}  # fmt: skip


def read(event=EVENT, **members):
    whole = {name: value for name, value in {**GOOD, **members}.items() if value is not None}
    return custom.answer(json.dumps(whole).encode(), event)


@pytest.mark.parametrize("kind", ["Custom::A", "Custom::a_B@c-1", custom.TYPE])
def test_types_of_custom_resources_are_known(kind):
    assert is_custom(kind)
    assert [] == mistakes(kind, {"ServiceToken": FUNCTION, "ServiceTimeout": "60", "Any": [1]})


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::CloudFormation::Stack", None, 5])
def test_other_types_are_none(kind):
    assert not is_custom(kind)


@pytest.mark.behaviour("CFN-CUSTOM-TOKEN")
@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({}, "required key [ServiceToken] not found"),
        ({"ServiceToken": "arn:aws:sns:us-east-1:123456789012:topic"}, "topic of SNS"),
        ({"ServiceToken": "make"}, "no ARN of a Lambda function"),
        ({"ServiceToken": 5}, "no ARN of a Lambda function"),
        ({"ServiceToken": FUNCTION, "ServiceTimeout": 0}, "from 1 to 3600"),
        ({"ServiceToken": FUNCTION, "ServiceTimeout": "3601"}, "from 1 to 3600"),
        ({"ServiceToken": FUNCTION, "ServiceTimeout": "soon"}, "from 1 to 3600"),
    ],
)
def test_what_cannot_work_is_told(properties, told):
    assert told in " ".join(mistakes("Custom::A", properties))


def test_functions_of_the_template_always_fit():
    later = {"ServiceToken": {"Fn::GetAtt": ["F", "Arn"]}, "ServiceTimeout": {"Ref": "Seconds"}}
    assert [] == mistakes("Custom::A", later)
    assert "no name of a type" in mistakes("Custom::A b", later)[0]


@pytest.mark.behaviour("CFN-CUSTOM-EVENT")
def test_properties_are_texts():
    given = {"a": True, "b": 5, "c": [1.5, {"d": False}], "e": "x", "f": dt.date(2026, 1, 31)}
    assert {"a": "true", "b": "5", "c": ["1.5", {"d": "false"}], "e": "x", "f": "2026-01-31"} == custom.texts(
        given
    )


@pytest.mark.behaviour("CFN-CUSTOM-ANSWER")
def test_an_answer_has_an_id_and_attributes():
    found = read(Data={"A": 1, "B": {"c": True}})
    assert (True, "p", {"A": "1", "B": {"c": "true"}}) == (found.succeeded, found.physical_id, found.data)
    assert "" == read({**EVENT, "RequestType": "Delete"}, PhysicalResourceId=None).physical_id
    failed = read(Status="FAILED", Reason="no room", PhysicalResourceId=None)
    assert "Message returned: no room (RequestId: r)" in custom.refused(failed, "r").told


@pytest.mark.behaviour("CFN-CUSTOM-ANSWER")
@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"Status": "DONE"}, "SUCCESS or FAILED"),
        ({"StackId": "other"}, "StackId"),
        ({"RequestId": None}, "RequestId"),
        ({"LogicalResourceId": "D"}, "LogicalResourceId"),
        ({"PhysicalResourceId": None}, "PhysicalResourceId"),
        ({"PhysicalResourceId": "é" * 513}, "at most 1024 bytes"),
        ({"PhysicalResourceId": 5}, "a text"),
        ({"Data": [1]}, "Data must be an object"),
    ],
)
def test_an_answer_that_does_not_fit_fails(members, told):
    with pytest.raises(CustomResourceError, match=told):
        read(**members)


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_no_answer_breaks_the_reader(body):
    with pytest.raises(CustomResourceError):
        custom.answer(body, EVENT)


@pytest.mark.behaviour("CFN-CUSTOM-ERROR")
def test_the_functions_own_error_is_told_without_its_stack():
    told = {
        "errorType": "Runtime.ImportModuleError",
        "errorMessage": "Cannot find module '@aws-sdk/client-s3'\n- /x",
    }
    error = custom.ended_with_an_error(FUNCTION, json.dumps(told).encode())
    assert "npm install" in error.told
    assert "/x" not in error.told
    assert not error.ran
    raised = custom.ended_with_an_error(FUNCTION, b'{"errorType": "KeyError", "errorMessage": "Name"}')
    assert (True, True) == (raised.ran, "KeyError: Name" in raised.told)
    assert "nothing about it" in custom.ended_with_an_error(FUNCTION, b"[]").told
