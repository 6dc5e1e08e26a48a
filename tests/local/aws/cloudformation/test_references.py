from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.aws.cloudformation.calls import ResourceError
from skerry.local.aws.cloudformation.references import Reference, filled, has_reference, references

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:team/pets-AbCdEf"
FUNCTION = "AWS::Lambda::Function"
QUEUE = "AWS::SQS::Queue"


def parsed(rest):
    (found,) = references("{{resolve:" + rest + "}}")
    return found


def secret(rest):
    found = parsed(f"secretsmanager:{rest}")
    return found.name, found.key, found.stage, found.version


@pytest.mark.behaviour("CFN-REFERENCES")
@pytest.mark.parametrize(
    ("rest", "wanted"),
    [
        ("pets", ("pets", "", "", "")),
        ("team/pets:SecretString", ("team/pets", "", "", "")),
        ("pets:SecretString:password", ("pets", "password", "", "")),
        ("pets:SecretString:password:AWSPREVIOUS", ("pets", "password", "AWSPREVIOUS", "")),
        ("pets:SecretString:password::v-1", ("pets", "password", "", "v-1")),
        ("pets:SecretString::AWSCURRENT:", ("pets", "", "AWSCURRENT", "")),
        ("pets::password", ("pets", "password", "", "")),
        (ARN, (ARN, "", "", "")),
        (f"{ARN}:SecretString:password", (ARN, "password", "", "")),
        (f"{ARN}:SecretString:::v-1", (ARN, "", "", "v-1")),
    ],
)
def test_a_secret_is_named_by_its_parts(rest, wanted):
    assert secret(rest) == wanted


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("", "SECRET_ID:SecretString"),
        (":SecretString", "SECRET_ID:SecretString"),
        ("arn:aws:secretsmanager", "SECRET_ID:SecretString"),
        ("pets:SecretString:a:b:c:d", "SECRET_ID:SecretString"),
        ("pets:SecretBinary", "stands SecretString, not SecretBinary"),
        ("pets:SecretString:a:AWSCURRENT:v-1", "not both"),
    ],
)
def test_a_secret_that_is_named_wrongly_is_told(rest, told):
    with pytest.raises(ResourceError, match="Incorrect format") as caught:
        secret(rest)
    assert told in caught.value.message


@pytest.mark.behaviour("CFN-REFERENCES")
def test_a_parameter_is_named_with_or_without_a_version():
    assert parsed("ssm:/a/b.c-d:12") == Reference(
        "{{resolve:ssm:/a/b.c-d:12}}", "ssm", "/a/b.c-d", version="12"
    )
    assert parsed("ssm-secure:a") == Reference("{{resolve:ssm-secure:a}}", "ssm-secure", "a")
    for wrong in ("ssm:", "ssm:a:b", "ssm:a:1:2", "ssm-secure:a b"):
        with pytest.raises(ResourceError, match="following SSM reference"):
            parsed(wrong)


@pytest.mark.behaviour("CFN-REFERENCES")
def test_references_stand_anywhere_and_each_is_read_once():
    asked = []

    def read(reference):
        asked.append(reference.text)
        return f"<{reference.name}>"

    one, two = "{{resolve:ssm:one}}", "{{resolve:secretsmanager:two:SecretString:k}}"
    given = {"A": [f"x{one}y{two}{one}", 5, None], "B": {"C": two, one: "{{resolve:nothing:x}}"}}
    assert filled(QUEUE, given, read) == {
        "A": ["x<one>y<two><one>", 5, None],
        "B": {"C": "<two>", one: "{{resolve:nothing:x}}"},
    }
    assert asked == [one, two]


def test_a_value_that_looks_like_a_reference_is_a_value():
    again = "{{resolve:ssm:other}}"
    assert filled(QUEUE, {"A": "{{resolve:ssm:one}}"}, lambda _: again) == {"A": again}


@pytest.mark.behaviour("CFN-REFERENCES-SECURE")
def test_secure_strings_are_read_where_aws_takes_them():
    given = {"LoginProfile": {"Password": "{{resolve:ssm-secure:p:1}}"}}
    assert filled("AWS::IAM::User", given, lambda _: "v") == {"LoginProfile": {"Password": "v"}}
    told = r"SSM Secure reference is not supported in: \[AWS::IAM::User/Properties/UserName\]"
    with pytest.raises(ResourceError, match=told):
        filled("AWS::IAM::User", {"UserName": "{{resolve:ssm-secure:p:1}}"}, lambda _: "v")


@pytest.mark.behaviour("CFN-REFERENCES-SECURE")
@pytest.mark.parametrize(
    "kind", ["Custom::Thing", "AWS::CloudFormation::CustomResource", "AWS::CloudFormation::Stack"]
)
def test_custom_resources_and_nested_stacks_get_no_secrets(kind):
    given = {"A": "{{resolve:secretsmanager:a}}", "B": "{{resolve:ssm:b}}"}
    assert filled(kind, given, lambda one: one.name) == {**given, "B": "b"}


def test_where_there_is_a_reference():
    assert has_reference({"a": ["b", {"c": "x{{resolve:ssm:n}}"}]})
    assert not has_reference({"a": ["{{resolve:ssm:n", 5, None, "{{resolve:other:n}}"]})


@given(st.text(), st.text(st.characters(exclude_characters="{}")))
def test_whatever_is_written_is_read_or_told(before, rest):
    text = before.replace("{{", "") + "{{resolve:secretsmanager:" + rest + "}}"
    try:
        found = list(references(text))
    except ResourceError as error:
        assert error.reason == "InvalidRequest"
    else:
        assert [one.text for one in found] == ["{{resolve:secretsmanager:" + rest + "}}"]
        assert rest.startswith(found[0].name)
