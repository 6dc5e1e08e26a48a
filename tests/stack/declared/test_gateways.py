"""`[gateways.NAME]` of skerry.toml: what is read, what a mistake is told, and what the control plane is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ConfigurationError
from skerry.stack.declared import limits, targets
from skerry.stack.declared.access import Credentials
from skerry.stack.declared.declaration import load
from skerry.stack.declared.gateways import Gateway, protocol
from skerry.stack.declared.policies import statements
from skerry.stack.declared.targets import Providers

VALUES = {
    "region": "us-east-1",
    "account": "123456789012",
    "services": {"pets": {"url": "http://127.0.0.1:8001"}},
    "gateways": {"shop": {"arn": "arn:g"}},
    "runtimes": {
        "agent": {"arn": "arn:agent", "url": "http://a", "protocol": "HTTP", "auth": "iam"},
        "weather": {"arn": "arn:weather", "url": "http://w", "protocol": "MCP", "auth": "iam"},
    },
}
PETS = (
    "openapi: 3.0.3\ninfo: {title: pets, version: '1'}\npaths: {}\nservers: [{url: 'https://api.example'}]\n"
)
PERMIT = "permit(principal is AgentCore::IamEntity, action, resource is AgentCore::Gateway) when { true };"
FORBID = PERMIT.replace("permit", "forbid")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an agent, a document, a tool schema and a policy, in which a skerry.toml can stand."""
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "main.py").write_text("")
    (tmp_path / "pets.yaml").write_text(PETS)
    (tmp_path / "tools.json").write_text("[]")
    (tmp_path / "one.cedar").write_text(PERMIT)
    return tmp_path


def shop(folder: Path, text: str) -> Gateway:
    """The gateway `shop` of a file that has two runtimes and a function."""
    rest = """
[runtimes]
agent = { path = "agent" }
weather = { path = "agent", protocol = "MCP" }

[functions]
before = { path = "agent", handler = "main.handler" }
"""
    (folder / "skerry.toml").write_text(f"[gateways.shop]\n{text}\n{rest}")
    return load(folder / "skerry.toml").gateways["shop"]


@pytest.mark.behaviour("STACK-CONTROLS")
def test_search_policies_interceptors_and_rate_limits_are_declared(folder: Path):
    gateway = shop(
        folder,
        """
search = true
policies = ["one.cedar"]
policy_mode = "log_only"
interceptors = { request = "before", response = "before", headers = true }

[[gateways.shop.rate_limits]]
dimensions = { targetName = "pets", toolName = "*" }
requests = "5/second"

[[gateways.shop.rate_limits]]
dimensions = { toolName = "pets___x", targetName = "pets" }
connections = "0.5/minute"

[[gateways.shop.rate_limits]]
dimensions = { targetName = "*" }
requests = "100/minute"
""",
    )
    assert protocol(gateway) == {"searchType": "SEMANTIC"}
    assert (gateway.policies, gateway.policy_mode) == ((folder / "one.cedar",), "log_only")
    assert [(item.function, item.point, item.headers) for item in gateway.interceptors] == [
        ("before", "REQUEST", True),
        ("before", "RESPONSE", True),
    ]
    assert limits.grouped(gateway.rate_limits) == {
        ("targetName", "toolName"): [
            {
                "dimensions": {"targetName": "pets", "toolName": "*"},
                "requests": [{"rate": 5.0, "period": "second"}],
            },
            {
                "dimensions": {"toolName": "pets___x", "targetName": "pets"},
                "connections": [{"rate": 0.5, "period": "minute"}],
            },
        ],
        ("targetName",): [
            {"dimensions": {"targetName": "*"}, "requests": [{"rate": 100.0, "period": "minute"}]}
        ],
    }


@pytest.mark.behaviour("STACK-CONTROLS")
def test_a_dimension_for_everybody_comes_after_those_for_one(folder: Path):
    """AWS takes a `*` only where none but `*` follow; names in alphabetical order would have it first."""
    gateway = shop(
        folder,
        """
[[gateways.shop.rate_limits]]
dimensions = { targetName = "pets", "$.context.jwt.sub" = "*" }
requests = "5/second"
""",
    )
    assert list(limits.grouped(gateway.rate_limits)) == [("targetName", "$.context.jwt.sub")]


@pytest.mark.behaviour("STACK-TARGETS")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ('{ runtime = "agent" }', {"http": {"agentcoreRuntime": {"arn": "arn:agent"}}}),
        ('{ runtime = "weather" }', {"mcp": {"mcpServer": {"endpoint": "http://w"}}}),
        (
            '{ http = "${services.pets.url}/v1" }',
            {"http": {"passthrough": {"endpoint": "http://127.0.0.1:8001/v1", "protocolType": "CUSTOM"}}},
        ),
        ('{ openapi = "pets.yaml" }', {"mcp": {"openApiSchema": {"inlinePayload": PETS}}}),
    ],
)
def test_a_target_becomes_what_aws_takes(folder: Path, target: str, expected: dict):
    gateway = shop(folder, f"targets.one = {target}")
    assert targets.configuration("shop", gateway.targets["one"], VALUES) == expected


def test_the_server_of_a_document_is_a_service_of_the_stack(folder: Path):
    gateway = shop(folder, 'targets.pets = { openapi = "pets.yaml", server = "${services.pets.url}" }')
    made = targets.configuration("shop", gateway.targets["pets"], VALUES)
    document = json.loads(made["mcp"]["openApiSchema"]["inlinePayload"])
    assert document["servers"] == [{"url": "http://127.0.0.1:8001"}]
    assert document["info"]["title"] == "pets"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ('{ runtime = "agent" }', {"credentialProviderType": "GATEWAY_IAM_ROLE"}),
        (
            '{ runtime = "weather" }',
            {
                "credentialProviderType": "GATEWAY_IAM_ROLE",
                "credentialProvider": {
                    "iamCredentialProvider": {"service": "bedrock-agentcore", "region": "us-east-1"}
                },
            },
        ),
        (
            '{ runtime = "agent", credentials = "caller" }',
            {"credentialProviderType": "CALLER_IAM_CREDENTIALS"},
        ),
        ('{ http = "http://127.0.0.1:1" }', None),
        (
            '{ openapi = "pets.yaml", credentials = { api_key = "k", header = "X-Key", prefix = "Key" } }',
            {
                "credentialProviderType": "API_KEY",
                "credentialProvider": {
                    "apiKeyCredentialProvider": {
                        "providerArn": "arn:key",
                        "credentialLocation": "HEADER",
                        "credentialParameterName": "X-Key",
                        "credentialPrefix": "Key",
                    }
                },
            },
        ),
        (
            '{ http = "http://127.0.0.1:1", credentials = { api_key = "k", query = "key" } }',
            {
                "credentialProviderType": "API_KEY",
                "credentialProvider": {
                    "apiKeyCredentialProvider": {
                        "providerArn": "arn:key",
                        "credentialLocation": "QUERY_PARAMETER",
                        "credentialParameterName": "key",
                    }
                },
            },
        ),
    ],
)
def test_a_target_is_shown_the_credential_that_fits_it(folder: Path, target: str, expected: dict | None):
    gateway = shop(folder, f"targets.one = {target}")
    providers = Providers(keys={("shop", "one"): "arn:key"})
    assert targets.credential(gateway, gateway.targets["one"], VALUES, providers) == expected


def test_a_key_is_not_shown():
    assert "s3cr3t" not in repr(Credentials(kind="api-key", api_key="s3cr3t"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("serach = true", r"serach is not a known key \(did you mean 'search'\)"),
        ("search = 1", "search must be true or false"),
        ('policies = ["two.cedar"]', "policies names .*two.cedar, which is no file"),
        ('policies = ["one.cedar"]\npolicy_mode = "ENFORCE"', "must be one of enforce, log_only"),
        ('policy_mode = "enforce"', "policy_mode needs policies"),
        ('interceptors = { request = "befor" }', "the function 'befor', which is not declared"),
        ("interceptors = { headers = true }", "interceptors. needs request or response"),
        ('interceptors = { before = "before" }', "before is not a known key"),
        ("rate_limits = 5", "rate_limits must be a list of tables"),
        ('rate_limits = [{ requests = "5/second" }]', "rate_limits.1. dimensions is missing"),
        ("rate_limits = [{ dimensions = { toolName = '*' } }]", "needs requests or connections"),
        ("rate_limits = [{ dimensions = { toolName = 1 } }]", "dimensions.toolName must be a string"),
        (
            "rate_limits = [{ dimensions = { toolName = '*' }, requests = '5 per second' }]",
            "'5 per second', but must look like 5/second",
        ),
        ('targets.a = { openapi = "no.yaml" }', "openapi names .*no.yaml, which is no file"),
        ('targets.a = { openapi = "pets.yaml", url = "http://x" }', "exactly one of runtime, url, function"),
        ('targets.a = { url = "http://x", server = "http://y" }', "server belongs to openapi"),
        ('targets.a = { url = "http://x", tools = "tools.json" }', "tools belongs to a function"),
        ('targets.a = { url = "http://x", credentials = "caller" }', '"caller" is for http'),
        ('targets.a = { runtime = "agent", credentials = { api_key = "k" } }', "an api_key is for"),
        ('targets.a = { url = "http://x", credentials = { api_key = "" } }', "api_key is empty"),
        (
            'targets.a = { url = "http://x", credentials = { api_key = "k", query = "q", header = "h" } }',
            "query stands instead of header",
        ),
        ('targets.a = { url = "http://x", credentials = "apikey" }', 'must be "iam", "caller", "none"'),
    ],
)
@pytest.mark.behaviour("STACK-MISTAKES")
def test_a_mistake_is_named_with_its_key(folder: Path, text: str, expected: str):
    with pytest.raises(ConfigurationError, match=expected):
        shop(folder, text)


@pytest.mark.behaviour("STACK-POLICIES")
def test_a_file_of_one_statement_is_sent_as_it_is_written(folder: Path):
    file = folder / "who-may.cedar"
    text = '// a comment\npermit(principal, action, resource == AgentCore::Gateway::"${gateways.shop.arn}");'
    file.write_text(text)
    (only,) = statements(file, VALUES)
    assert (only.name, only.effect) == ("who_may", "permit")
    assert only.text == text.replace("${gateways.shop.arn}", "arn:g")


def test_the_statements_of_a_file_are_numbered_in_their_order(folder: Path):
    file = folder / "2.cedar"
    file.write_text("\n".join([FORBID, *[PERMIT] * 10]))
    found = statements(file, VALUES)
    assert [item.name for item in found] == [f"p_2_{number}" for number in range(1, 12)]
    assert [item.effect for item in found] == ["forbid", *["permit"] * 10]
    assert all(item.text.count("permit") + item.text.count("forbid") == 1 for item in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("permit(principal", "wrong.cedar is not valid Cedar"),
        ("// nothing", "holds no Cedar statement"),
        ('permit(principal == A::"${gateways.shpo.arn}", action, resource);', "there is no 'shpo'"),
    ],
)
def test_a_file_that_is_no_cedar_is_named(folder: Path, text: str, expected: str):
    file = folder / "wrong.cedar"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=expected):
        statements(file, VALUES)


@pytest.mark.parametrize(("text", "expected"), [("a: [", "cannot be read"), ("- a", "is no object")])
def test_a_document_that_cannot_be_given_a_server_is_named(folder: Path, text: str, expected: str):
    (folder / "pets.yaml").write_text(text)
    gateway = shop(folder, 'targets.pets = { openapi = "pets.yaml", server = "http://127.0.0.1:1" }')
    with pytest.raises(ConfigurationError, match=expected):
        targets.configuration("shop", gateway.targets["pets"], VALUES)


@given(st.lists(st.sampled_from([PERMIT, FORBID]), min_size=1, max_size=15))
def test_no_statement_of_a_file_is_lost(tmp_path_factory: pytest.TempPathFactory, texts: list[str]):
    file = tmp_path_factory.mktemp("policies") / "many.cedar"
    file.write_text("\n\n".join(texts))
    assert [item.effect for item in statements(file, {})] == [text[:6] for text in texts]
