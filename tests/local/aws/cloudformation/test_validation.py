import pytest

from skerry.local.aws.cloudformation.schemas import PREFIX
from skerry.local.aws.cloudformation.validation import MANY, failed, mistakes

GATEWAY = {"Name": "g", "AuthorizerType": "AWS_IAM", "RoleArn": "arn:aws:iam::123456789012:role/r"}
TARGET = f"{PREFIX}GatewayTarget"


def server(endpoint):
    return {"Name": "t", "TargetConfiguration": {"Mcp": {"McpServer": {"Endpoint": endpoint}}}}


@pytest.mark.behaviour("CFN-VALIDATION")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"Nme": "x"}, "#: extraneous key [Nme] is not permitted"),
        ({"Name": 5}, "#/Name: expected type: String, found: Integer"),
        ({"Name": {"A": 1, "B": 2}}, "#/Name: expected type: String, found: JSONObject"),
        (
            {"AuthorizerType": "MAYBE"},
            "#/AuthorizerType: 'MAYBE' is not a valid enum value: one of CUSTOM_JWT, AWS_IAM",
        ),
        ({"RoleArn": "r"}, "#/RoleArn: does not match the pattern ^arn:aws"),
        ({"Description": ""}, "#/Description: breaks the rule minLength: 1"),
        ({"GatewayUrl": "x"}, "#/GatewayUrl: is read-only, and cannot be set"),
        (
            {"InterceptorConfigurations": {}},
            "#/InterceptorConfigurations: expected type: JSONArray, found: JSONObject",
        ),
    ],
)
def test_what_is_wrong_is_said_as_cloudformation_says_it(change, told):
    found = mistakes(f"{PREFIX}Gateway", GATEWAY | change)
    assert any(text.startswith(told) for text in found), found


def test_what_is_missing_is_named():
    assert ["#: required key [Name] not found", "#: required key [RoleArn] not found"] == mistakes(
        f"{PREFIX}Gateway", {"AuthorizerType": "NONE"}
    )


def test_a_right_resource_has_no_mistakes_and_functions_fit_everywhere():
    assert [] == mistakes(f"{PREFIX}Gateway", GATEWAY)
    functions = {name: {"Fn::Sub": "${A}"} for name in GATEWAY} | {"Tags": {"Ref": "Tags"}}
    assert [] == mistakes(f"{PREFIX}Gateway", functions)
    assert [] == mistakes(TARGET, server({"Ref": "Url"}))
    assert [] == mistakes(TARGET, {"TargetConfiguration": {"Fn::If": ["A", {}, {}]}})


def test_a_choice_tells_what_is_wrong_in_it():
    (told,) = mistakes(TARGET, {"TargetConfiguration": {"Mcp": {"McpServr": {}}}})
    assert told.startswith("#/TargetConfiguration: fits none of what is allowed here (")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4700/mcp", "http://localhost/mcp", "http://[::1]:80/x", "https://a"]
)
def test_a_server_is_reached_safely_or_on_this_machine(url):
    assert [] == mistakes(TARGET, server(url))


@pytest.mark.parametrize(
    "url", ["http://example.com", "http://127.0.0.1.example.com/", "http://localhost@evil/", "ftp://a"]
)
def test_no_other_server_is_reached_without_tls(url):
    assert mistakes(TARGET, server(url))


def test_no_value_is_told_that_may_be_a_secret():
    found = mistakes(f"{PREFIX}ApiKeyCredentialProvider", {"Name": "k", "ApiKey": ["hunter2"]})
    assert found
    assert "hunter2" not in str(found)


def test_a_sentence_has_no_more_than_a_few_mistakes():
    text = failed("X", [f"m{number}" for number in range(9)])
    assert text.startswith("Properties validation failed for resource X with message: m0; ")
    assert text.count(";") == MANY - 1
