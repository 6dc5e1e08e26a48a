from __future__ import annotations

import json

import pytest

from skerry.local.aws.cloudformation.calls import ResourceError
from skerry.local.aws.cloudformation.references import references
from skerry.local.aws.cloudformation.stored_values import StoredValues


class Stores:
    """Implements `Calls` of Secrets Manager and Parameter Store: one answer for all; `asked` is what came."""

    def __init__(self, **answer):
        self.answer = answer
        self.asked = []

    def __call__(self, operation, given):
        self.asked.append((operation, dict(given)))
        return self.answer

    def shape(self, operation):
        raise AssertionError(operation)

    def pause(self, seconds):
        raise AssertionError(seconds)


def read(stores, rest):
    (reference,) = references("{{resolve:" + rest + "}}")
    return StoredValues(lambda _: stores).read(reference)


@pytest.mark.behaviour("CFN-REFERENCES")
@pytest.mark.parametrize(
    ("rest", "asked"),
    [
        ("pets", {}),
        ("pets:SecretString::AWSPREVIOUS", {"VersionStage": "AWSPREVIOUS"}),
        ("pets:SecretString:::v-1", {"VersionId": "v-1"}),
    ],
)
def test_the_version_that_is_named_is_read(rest, asked):
    stores = Stores(SecretString="text")
    assert read(stores, f"secretsmanager:{rest}") == "text"
    assert stores.asked == [("GetSecretValue", {"SecretId": "pets", **asked})]


@pytest.mark.parametrize(
    ("value", "wanted"), [("abc", "abc"), (5, "5"), (True, "true"), ({"a": 1}, '{"a": 1}')]
)
def test_a_key_of_a_document(value, wanted):
    assert read(Stores(SecretString=json.dumps({"k": value})), "secretsmanager:pets::k") == wanted


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            {"SecretString": '{"other": "hidden"}'},
            "Could not find a value associated with JSONKey in SecretString",
        ),
        ({"SecretString": "hidden"}, "Could not parse SecretString JSON"),
        ({"SecretString": '["hidden"]'}, "Could not find a value"),
        ({"SecretBinary": b"hidden"}, "has no SecretString"),
    ],
)
def test_what_a_secret_does_not_have_is_told_without_it(answer, told):
    with pytest.raises(ResourceError) as caught:
        read(Stores(**answer), "secretsmanager:pets:SecretString:k")
    assert told in caught.value.message
    assert "hidden" not in caught.value.message


@pytest.mark.behaviour("CFN-REFERENCES")
def test_parameters_by_version():
    stores = Stores(Parameters=[{"Type": "String", "Value": "text"}])
    assert read(stores, "ssm:/a/b:3") == "text"
    assert stores.asked == [("GetParameters", {"Names": ["/a/b:3"], "WithDecryption": False})]


@pytest.mark.behaviour("CFN-REFERENCES-SECURE")
def test_secure_strings_are_read_as_such_alone():
    stores = Stores(Parameters=[{"Type": "SecureString", "Value": "hidden"}])
    assert read(stores, "ssm-secure:p") == "hidden"
    assert stores.asked == [("GetParameters", {"Names": ["p"], "WithDecryption": True})]
    with pytest.raises(ResourceError, match="SecureString; refer to it as ") as caught:
        read(stores, "ssm:p")
    assert "hidden" not in caught.value.message
    with pytest.raises(ResourceError, match=r"\[ssm:p:2\] cannot be found"):
        read(Stores(Parameters=[], InvalidParameters=["p:2"]), "ssm:p:2")
