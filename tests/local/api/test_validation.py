"""Every constraint that the service model knows, and the texts that AWS gives for it."""

from __future__ import annotations

import re
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.api import service_model
from skerry.local.api.service_model import ServiceModel
from skerry.local.api.validation import (
    MAX_DEPTH,
    MAX_VIOLATIONS,
    matcher,
    validate,
    violations,
    without_nulls,
)
from tests.kit.local_endpoint import ROLE, artifact

CONTROL = service_model.load("bedrock-agentcore-control")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


def broken(operation, value):
    return [item.text for item in violations(CONTROL, CONTROL.operations[operation].input, value)]


def runtime(**members):
    return {"agentRuntimeName": "desk", "roleArn": ROLE, "agentRuntimeArtifact": artifact(), **members}


def gateway(**members):
    return {"name": "desk", "roleArn": ROLE, "authorizerType": "AWS_IAM", **members}


def test_a_good_input_breaks_nothing():
    assert broken("CreateAgentRuntime", runtime()) == []


@pytest.mark.behaviour("CTL-VALIDATION")
@pytest.mark.parametrize(
    ("operation", "value", "text"),
    [
        (
            "CreateAgentRuntime",
            runtime(agentRuntimeName="a-b"),
            (
                "Value 'a-b' at 'agentRuntimeName' failed to satisfy constraint: Member must satisfy regular "
                "expression pattern: [a-zA-Z][a-zA-Z0-9_]{0,47}"
            ),
        ),
        (
            "CreateAgentRuntime",
            runtime(roleArn=None),
            "Value null at 'roleArn' failed to satisfy constraint: Member must not be null",
        ),
        (
            "CreateAgentRuntime",
            runtime(lifecycleConfiguration={"maxLifetime": 59}),
            (
                "Value '59' at 'lifecycleConfiguration.maxLifetime' failed to satisfy constraint: Member must have "
                "value greater than or equal to 60"
            ),
        ),
        (
            "CreateAgentRuntime",
            runtime(lifecycleConfiguration={"maxLifetime": 1_209_601}),
            (
                "Value '1209601' at 'lifecycleConfiguration.maxLifetime' failed to satisfy constraint: Member must "
                "have value less than or equal to 1209600"
            ),
        ),
        (
            "CreateAgentRuntime",
            runtime(protocolConfiguration={"serverProtocol": "SOAP"}),
            (
                "Value 'SOAP' at 'protocolConfiguration.serverProtocol' failed to satisfy constraint: Member must "
                "satisfy enum value set: [MCP, HTTP, A2A, AGUI]"
            ),
        ),
        (
            "CreateGateway",
            gateway(protocolConfiguration={"mcp": {"instructions": "x" * 2049}}),
            (
                "Value at 'protocolConfiguration.mcp.instructions' failed to satisfy constraint: Member must have "
                "length less than or equal to 2048"
            ),
        ),
        (
            "CreateGateway",
            gateway(interceptorConfigurations=[]),
            (
                "Value at 'interceptorConfigurations' failed to satisfy constraint: Member must have length greater "
                "than or equal to 1"
            ),
        ),
        (
            "CreateAgentRuntime",
            runtime(requestHeaderConfiguration={"requestHeaderAllowlist": ["ok", "not ok"]}),
            (
                "Value 'not ok' at 'requestHeaderConfiguration.requestHeaderAllowlist.2.member' failed to satisfy "
                "constraint: Member must satisfy regular expression pattern: [A-Za-z][A-Za-z0-9_-]{0,255}"
            ),
        ),
        (
            "CreateAgentRuntime",
            runtime(nonsense=1),
            "Value at 'nonsense' failed to satisfy constraint: Member is not known",
        ),
        (
            "CreateAgentRuntime",
            runtime(agentRuntimeName=7),
            "Value '7' at 'agentRuntimeName' failed to satisfy constraint: Member must be of type string",
        ),
        (
            "CreateAgentRuntime",
            runtime(lifecycleConfiguration={"maxLifetime": True}),
            (
                "Value 'true' at 'lifecycleConfiguration.maxLifetime' failed to satisfy constraint: Member must be "
                "of type integer"
            ),
        ),
        (
            "CreateAgentRuntime",
            runtime(tags={"k!": "v"}),
            (
                "Value 'k!' at 'tags.key' failed to satisfy constraint: Member must satisfy regular expression "
                "pattern: [a-zA-Z0-9\\s._:/=+@-]*"
            ),
        ),
    ],
)
def test_constraints_and_their_texts(operation, value, text):
    assert broken(operation, value) == [text]


@pytest.mark.behaviour("CTL-UNION")
@pytest.mark.parametrize(
    "value", [{}, {"containerConfiguration": {"containerUri": "x"}, **artifact()}, {"other": 1}]
)
def test_a_union_has_exactly_one_member(value):
    found = broken("CreateAgentRuntime", runtime(agentRuntimeArtifact=value))
    assert any(
        "exactly one of the members: [codeConfiguration, containerConfiguration]" in text for text in found
    ) or (list(value) == ["other"] and any("not known" in text for text in found))


@pytest.mark.behaviour("CTL-VALIDATION")
def test_all_violations_are_reported_with_reason_and_fields():
    shape = CONTROL.operations["CreateGateway"].input
    with pytest.raises(ServiceError) as caught:
        validate(CONTROL, shape, {"name": "a_b", "roleArn": "r"})
    error = caught.value
    assert (error.name, error.status) == ("ValidationException", 400)
    assert error.message.startswith("3 validation errors detected: Value null at 'authorizerType'")
    assert error.members["reason"] == "FieldValidationFailed"
    assert [field["name"] for field in error.members["fieldList"]] == ["authorizerType", "name", "roleArn"]


@pytest.mark.behaviour("CTL-SENSITIVE")
def test_values_of_sensitive_members_are_not_shown():
    secret = "s3cret" * 1000
    found = broken("CreateAgentRuntime", runtime(environmentVariables={"KEY": secret}))
    assert len(found) == 1
    assert "s3cret" not in found[0]
    assert "'environmentVariables.KEY.member'" in found[0]


@pytest.mark.behaviour("CTL-LOOPBACK")
@pytest.mark.parametrize(
    ("endpoint", "good"),
    [
        ("https://example.com/mcp", True),
        ("http://127.0.0.1:8000/mcp", True),
        ("http://localhost/mcp?x=1", True),
        ("http://[::1]:9/mcp", True),
        ("http://example.com/mcp", False),
        ("http://127.0.0.1.example.com/mcp", False),
        ("http://localhost@example.com/mcp", False),
        ("http://127.0.0.1:8000\n.example.com", False),
        ("ftp://127.0.0.1/", False),
    ],
)
def test_plain_http_is_taken_for_loopback_hosts_only(endpoint, good):
    value = {
        "gatewayIdentifier": "desk-0123456789",
        "targetConfiguration": {"mcp": {"mcpServer": {"endpoint": endpoint}}},
    }
    assert (broken("CreateGatewayTarget", value) == []) is good


def test_nested_members_go_by_their_wire_name():
    assert broken("CreateGateway", gateway(domainOverride={"default": "a.example.com"})) == []
    assert "defaultDomain" in broken("CreateGateway", gateway(domainOverride={"defaultDomain": "a.b"}))[0]


@given(JSON)
def test_any_json_is_judged_without_an_error(value):
    for name in ("CreateAgentRuntime", "CreateGatewayTarget", "CreateOauth2CredentialProvider"):
        operation = CONTROL.operations[name]
        for member in operation.input["members"]:
            found = violations(CONTROL, operation.input, {member: value})
            assert all(item.path and item.text for item in found)


def test_a_schema_nested_without_end_is_refused():
    schema = {"type": "object"}
    for _ in range(300):
        schema = {"type": "object", "properties": {"x": schema}}
    tool = {"name": "t", "description": "d", "inputSchema": schema}
    target = {
        "mcp": {
            "lambda": {
                "lambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
                "toolSchema": {"inlinePayload": [tool]},
            }
        }
    }
    found = broken(
        "CreateGatewayTarget", {"gatewayIdentifier": "desk-0123456789", "targetConfiguration": target}
    )
    assert any(f"nested more than {MAX_DEPTH} deep" in text for text in found)


def test_the_number_of_violations_is_bounded():
    found = broken("CreateAgentRuntime", runtime(**{f"x{number}": 1 for number in range(1000)}))
    assert len(found) == MAX_VIOLATIONS
    tags = {f"!{number}": "v" for number in range(1000)}
    assert len(broken("CreateAgentRuntime", runtime(tags=tags))) == MAX_VIOLATIONS


def test_every_pattern_of_the_models_compiles_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for service in ("bedrock-agentcore-control", "bedrock-agentcore"):
            for shape in service_model.load(service).shapes.values():
                if "pattern" in shape:
                    matcher(shape["pattern"])


@pytest.mark.parametrize(
    ("pattern", "text", "good"),
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc\n", False),
        ("[a-z]+", "xabc1", False),
        ("x$|^y", "x", True),
        ("x$|^y", "y", True),
        ("x$|^y", "xy", False),
        ("(x)|(y)", "y", True),
        ("(x)|(y)", "x z", False),
        ("[$^]", "$", True),
        (r"\d+", "٣", False),
        (r"\$x", "$x", True),
        (r"https://[^\p{C}]*", "https://a\x00", False),
        (r"https://[^\p{C}]*", "https://é", True),
        (r"\p{C}", "\u200b", True),
    ],
)
def test_patterns_mean_what_they_mean_in_smithy(pattern, text, good):
    assert matcher(pattern)(text) is good


@given(st.text(max_size=30))
def test_a_plain_pattern_agrees_with_fullmatch(text):
    assert matcher("[a-zA-Z][a-zA-Z0-9_]{0,47}")(text) == bool(
        re.fullmatch("[a-zA-Z][a-zA-Z0-9_]{0,47}", text)
    )


@pytest.mark.parametrize(
    "seed", ["a", "a-", "a.", "-", "/", "a/", "arn:aws:", "0", "/.well-known/", "::", "a_b-"]
)
def test_no_pattern_takes_long_for_a_long_text(seed):
    text = (seed * 2048)[:2048] + "!"
    began = time.process_time()
    for shape in CONTROL.shapes.values():
        if "pattern" in shape:
            matcher(shape["pattern"])(text)
    assert time.process_time() - began < 5


@given(JSON)
def test_nulls_in_structures_are_left_out_and_lists_keep_theirs(value):
    def nulls(item):
        if isinstance(item, dict):
            return any(inner is None or nulls(inner) for inner in item.values())
        return isinstance(item, list) and any(nulls(inner) for inner in item)

    assert not nulls(without_nulls(value))
    assert without_nulls([None, {"a": None}]) == [None, {}]


def test_a_null_in_a_list_is_reported():
    found = broken(
        "SynchronizeGatewayTargets", {"gatewayIdentifier": "desk-0123456789", "targetIdList": [None]}
    )
    assert found == [
        "Value null at 'targetIdList.1.member' failed to satisfy constraint: Member must not be null"
    ]


def test_numbers_of_other_models_are_judged_too():
    model = ServiceModel(
        {
            "metadata": {"protocol": "rest-json"},
            "operations": {},
            "shapes": {
                "Rate": {"type": "double", "min": 0.5, "max": 1},
                "In": {"type": "structure", "members": {"rate": {"shape": "Rate"}}},
            },
        }
    )
    assert violations(model, model.shapes["In"], {"rate": 0.75}) == []
    assert len(violations(model, model.shapes["In"], {"rate": 0.25})) == 1
    assert len(violations(model, model.shapes["In"], {"rate": "1"})) == 1


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"[\p{L}\p{Z}\p{N}_]*", "Größe 3_", True),
        (r"[\p{L}\p{Z}\p{N}_]*", "a-b", False),
        (r"[\p{L}]+", "日本", True),
        (r"\p{N}+", "x", False),
        (r"[\p{L}\p{M}]+", "e\u0301", True),
        (r"[\p{L}]+", "\u0301", False),
    ],
)
def test_categories_of_unicode_in_patterns(pattern, text, fits):
    assert matcher(pattern)(text) is fits


@pytest.mark.behaviour("CFN-OAUTH2-TAGS")
def test_the_arn_of_an_oauth2_provider_has_tags_though_the_models_pattern_leaves_it_out():
    model = service_model.load("bedrock-agentcore-control")
    arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:token-vault/default/oauth2credentialprovider/a"
    assert not matcher(model.shape({"shape": "TaggableResourcesArn"})["pattern"])(
        arn
    )  # else no need to correct
    shape = {"members": {"resourceArn": {"shape": "TaggableResourcesArn"}}}
    assert violations(model, shape, {"resourceArn": arn}) == []
    assert violations(model, shape, {"resourceArn": arn.replace("token-vault", "token_vault")})
