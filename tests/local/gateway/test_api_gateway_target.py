"""API Gateway targets: methods of a stage as tools, and their integrations behind a plane and a whole stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.local.gateway.schemas.rest_api import Stage, read
from tests.fuzz.effort import scaled
from tests.kit.gateway_stack import Stack, post
from tests.kit.local_endpoint import ROLE, Running, endpoint_process
from tests.kit.rest_api import RestApi, rest_api

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:pets"
INVOKE = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
PET = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
ALL = ["GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "PUT", "POST"]
ROLE_CREDENTIAL = [{"credentialProviderType": "GATEWAY_IAM_ROLE"}]


def method(uri: str, kind: str = "HTTP_PROXY", name: str | None = None, **members: Any) -> dict[str, Any]:
    """A method as API Gateway describes it."""
    integration = {"type": kind, "httpMethod": "ANY", "uri": uri}
    if parameters := members.pop("mapped", None):
        integration["requestParameters"] = parameters
    named = {"operationName": name} if name else {}
    return {
        "authorizationType": "NONE",
        "apiKeyRequired": False,
        "methodIntegration": integration,
        **named,
        **members,
    }


def resources(uri: str) -> dict[str, dict[str, Any]]:
    """Path → methods of a small API whose backend is at `uri`."""
    return {
        "/pets": {
            "GET": method(
                f"{uri}/pets", name="listPets", requestParameters={"method.request.querystring.limit": False}
            ),
            "POST": method(INVOKE, "AWS_PROXY", name="addPet", requestModels={"application/json": "Pet"}),
        },
        "/pets/{petId}": {
            "GET": method(
                f"{uri}/${{stageVariables.version}}/animals/{{id}}",
                name="getPet",
                mapped={"integration.request.path.id": "method.request.path.petId"},
                requestParameters={"method.request.path.petId": True, "method.request.header.X-Trace": False},
            ),
        },
        "/pets/{proxy+}": {"GET": method(uri, name="proxy")},
        "/mock": {"GET": method("", "MOCK", name="mock")},
        "/unnamed": {"GET": method(f"{uri}/unnamed")},
    }


def stage_of(api: dict[str, dict[str, Any]], **variables: str) -> Stage:
    return Stage(
        {"name": "pets"},
        {"stageName": "prod", "variables": variables},
        [{"path": path, "resourceMethods": methods} for path, methods in api.items()],
        [{"name": "Pet", "schema": json.dumps(PET)}],
        "https://abc.execute-api.us-east-1.amazonaws.com/prod",
    )


def filters(*paths: str, overrides: Any = (), methods: Any = ALL) -> dict[str, Any]:
    return {
        "restApiId": "abc",
        "stage": "prod",
        "apiGatewayToolConfiguration": {
            "toolFilters": [{"filterPath": path, "methods": list(methods)} for path in paths],
            "toolOverrides": list(overrides),
        },
    }


def tools(configuration: dict[str, Any], api: dict[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    given = api or resources("https://backend.example.com")
    found, _ = read(stage_of(given, version="v1"), configuration, Assumptions())
    return {name: operation.tool for name, operation in found.operations.items()}


class TestTools:
    @pytest.mark.behaviour("GW-APIGATEWAY-FILTERS")
    @pytest.mark.parametrize(
        ("paths", "methods", "expected"),
        [
            (["/pets"], ALL, {"listPets", "addPet"}),
            (["/pets"], ["GET"], {"listPets"}),
            (["/pets/*"], ALL, {"getPet"}),
            (["/pets", "/pets/*", "/pets/{petId}"], ["GET"], {"listPets", "getPet"}),
        ],
    )
    def test_filters_select_paths_and_methods(self, paths: Any, methods: Any, expected: set[str]) -> None:
        assert set(tools(filters(*paths, methods=methods))) == expected

    @pytest.mark.behaviour("GW-APIGATEWAY-FILTERS")
    def test_parameters_and_models_make_the_schema(self) -> None:
        made = tools(
            filters("/*"),
            {
                path: item
                for path, item in resources("https://b.example.com").items()
                if "unnamed" not in path
            },
        )
        assert made["getPet"]["inputSchema"] == {
            "type": "object",
            "properties": {"petId": {"type": "string"}, "X-Trace": {"type": "string"}},
            "required": ["petId"],
        }
        assert made["addPet"]["inputSchema"] == PET
        assert "required" not in made["listPets"]["inputSchema"]
        assert set(made) == {"listPets", "addPet", "getPet"}

    @pytest.mark.behaviour("GW-APIGATEWAY-OVERRIDES")
    def test_overrides_name_and_describe_a_method(self) -> None:
        override = {"name": "plain", "path": "/unnamed", "method": "GET", "description": "d"}
        made = tools(filters("/unnamed", overrides=[override]))
        assert (list(made), made["plain"]["description"]) == (["plain"], "d")

    @pytest.mark.behaviour("GW-APIGATEWAY-REFUSED")
    @pytest.mark.parametrize(
        ("configuration", "expected"),
        [
            (filters("/dogs"), "'/dogs' (DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT) matches no method"),
            (filters("/unnamed"), "GET /unnamed has no operation name"),
            (filters("/mock"), "an integration of the type MOCK does not run here"),
            (filters("/pets/{proxy+}"), "proxy resources are not supported"),
            (
                filters("/pets", overrides=[{"name": "n", "path": "/mock", "method": "GET"}]),
                "toolOverride GET /mock",
            ),
        ],
    )
    def test_what_gives_no_tools_is_named(self, configuration: Any, expected: str) -> None:
        with pytest.raises(SchemaError) as caught:
            tools(configuration)
        assert expected in str(caught.value)

    @pytest.mark.behaviour("GW-APIGATEWAY-REFUSED")
    def test_authorizers_that_a_gateway_cannot_satisfy(self) -> None:
        def with_auth(kind: str, **members: Any) -> dict[str, Any]:
            return {
                "/a": {"GET": method("https://b.example.com", name="a", authorizationType=kind, **members)}
            }

        for api, expected in (
            (with_auth("COGNITO_USER_POOLS"), "Cognito"),
            (with_auth("CUSTOM"), "Lambda authorizer"),
            (with_auth("AWS_IAM", apiKeyRequired=True), "AWS_IAM together with an API key"),
        ):
            with pytest.raises(SchemaError, match=expected):
                tools(filters("/a"), api)
        with pytest.raises(SchemaError, match=r"private address 10\.0\.0\.1"):
            tools(filters("/a"), {"/a": {"GET": method("http://10.0.0.1/x", name="a")}})
        with pytest.raises(SchemaError, match="is mapped from no path parameter"):
            tools(filters("/a"), {"/a": {"GET": method("https://b.example.com/{x}", name="a")}})


METHODS = st.fixed_dictionaries(
    {
        "methodIntegration": st.dictionaries(
            st.sampled_from(["type", "uri", "httpMethod"]),
            st.sampled_from(["HTTP_PROXY", "AWS_PROXY", INVOKE, "https://b.example.com/{id}", "", "GET"]),
        )
    },
    optional={
        "operationName": st.sampled_from(["a", "b", ""]),
        "authorizationType": st.sampled_from(["NONE", "AWS_IAM", "CUSTOM"]),
        "requestParameters": st.dictionaries(
            st.sampled_from(
                ["method.request.path.id", "method.request.header.X", "x", "method.request.querystring.q"]
            ),
            st.booleans(),
        ),
        "requestModels": st.dictionaries(
            st.just("application/json"), st.sampled_from(["Pet", "None"]), max_size=1
        ),
    },
)


@pytest.mark.behaviour("GW-APIGATEWAY-ROBUST")
@settings(max_examples=scaled(60), deadline=None)
@given(
    api=st.dictionaries(
        st.sampled_from(["/a", "/a/{id}", "/{id}"]),
        st.dictionaries(st.sampled_from(["GET", "ANY", "POST"]), METHODS),
    )
)
def test_any_api_gives_tools_or_one_problem(api: Any) -> None:
    try:
        assert tools(filters("/*"), api)
    except SchemaError as error:
        assert str(error)


@pytest.fixture(scope="module")
def running_api() -> Iterator[RestApi]:
    with rest_api() as api:
        yield api


@pytest.fixture
def api(running_api: RestApi) -> RestApi:
    running_api.seen.clear()
    return running_api


def with_stage(stack: Stack, api: RestApi, *paths: str, **members: Any) -> str:
    """A gateway with one API Gateway target `api`, DEBUG on."""
    described = stage_of(resources(api.url), version="v2")
    stack.functions.descriptions = {
        "/restapis/abc": described.api,
        "/restapis/abc/stages/prod": described.stage,
        "/restapis/abc/resources": {"item": described.resources},
        "/restapis/abc/models": {"item": described.models},
    }
    gateway = stack.gateway(exceptionLevel="DEBUG")
    stack.target(gateway, "api", {"apiGateway": filters(*paths)}, **members)
    return gateway


def call(stack: Stack, gateway: str, tool: str, arguments: Any) -> dict[str, Any]:
    answer = post(stack.url(gateway), "tools/call", {"name": f"api___{tool}", "arguments": arguments})
    result: dict[str, Any] = answer.json()["result"]
    return result


class TestCalls:
    @pytest.mark.behaviour("GW-APIGATEWAY-HTTP")
    def test_an_http_proxy_backend_is_called_as_the_stage_would(self, stack: Stack, api: RestApi) -> None:
        gateway = with_stage(stack, api, "/pets/*", "/pets")
        result = call(stack, gateway, "getPet", {"petId": "a b", "X-Trace": "t"})
        assert result["content"][0]["text"] == '{"path": "/v2/animals/a%20b"}'
        assert (api.seen[-1].method, api.seen[-1].headers["x-trace"]) == ("GET", "t")
        call(stack, gateway, "listPets", {"limit": "3"})
        assert (api.seen[-1].path, api.seen[-1].query) == ("/pets", "limit=3")

    @pytest.mark.behaviour("GW-APIGATEWAY-LAMBDA")
    def test_a_lambda_proxy_gets_a_proxy_event_and_answers_with_http(
        self, stack: Stack, api: RestApi
    ) -> None:
        answer: dict[str, Any] = {"statusCode": 201, "body": '{"id": 7}', "headers": {"X-Rate": "9"}}
        stack.functions.functions["pets"] = lambda event, custom: answer
        metadata = {"allowedRequestHeaders": ["X-Tenant"], "allowedResponseHeaders": ["X-Rate"]}
        gateway = with_stage(stack, api, "/pets", metadataConfiguration=metadata)
        params = {"name": "api___addPet", "arguments": {"name": "Zoë"}}
        got = post(stack.url(gateway), "tools/call", params, headers={"x-tenant": "t"})
        assert got.json()["result"] == {"content": [{"type": "text", "text": '{"id": 7}'}], "isError": False}
        assert got.headers["x-rate"] == "9"
        invocation = stack.functions.invocations[-1]
        event = invocation.event
        assert invocation.caller.split("/")[1] == "desk-gateway"
        assert (event["resource"], event["path"], event["httpMethod"]) == ("/pets", "/pets", "POST")
        assert json.loads(event["body"]) == {"name": "Zoë"}
        assert event["headers"]["x-tenant"] == "t"
        assert event["requestContext"]["path"] == "/prod/pets"
        assert event["stageVariables"] == {"version": "v2"}
        answer["statusCode"] = 409
        assert "HTTP 409" in call(stack, gateway, "addPet", {"name": "b"})["content"][0]["text"]
        answer["statusCode"] = []
        assert "HTTP 502" in call(stack, gateway, "addPet", {"name": "b"})["content"][0]["text"]

    @pytest.mark.behaviour("GW-APIGATEWAY-DENIED")
    def test_a_method_that_wants_a_credential_denies_a_target_without(
        self, stack: Stack, api: RestApi
    ) -> None:
        for changed, credential, expected in (
            ({"authorizationType": "AWS_IAM"}, [], "Missing Authentication Token"),
            ({"authorizationType": "AWS_IAM"}, ROLE_CREDENTIAL, ""),
            ({"apiKeyRequired": True}, ROLE_CREDENTIAL, "Forbidden"),
        ):
            gateway = with_stage(stack, api, "/pets", credentialProviderConfigurations=credential)
            stack.functions.descriptions["/restapis/abc/resources"]["item"][0]["resourceMethods"]["GET"] |= (
                changed
            )
            result = call(stack, gateway, "listPets", {})
            if expected:
                assert f'HTTP 403: {{"message":"{expected}"}}' in result["content"][0]["text"]
            else:
                assert "/execute-api/aws4_request" in api.seen[-1].headers["authorization"]

    @pytest.mark.behaviour("GW-APIGATEWAY-MISSING")
    def test_an_api_that_is_not_there_is_named(self, stack: Stack, api: RestApi) -> None:
        gateway = with_stage(stack, api, "/pets")
        del stack.functions.descriptions["/restapis/abc/stages/prod"]
        text = call(stack, gateway, "listPets", {})["content"][0]["text"]
        assert "HTTP 404 for /restapis/abc/stages/prod" in text


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with endpoint_process(tmp_path_factory.mktemp("stack")) as process:
        yield process


@pytest.mark.behaviour("GW-APIGATEWAY-CALL")
def test_a_stage_of_the_embedded_cloud(running: Running, api: RestApi) -> None:
    rest, control = running.client("apigateway"), running.client("bedrock-agentcore-control")
    made = rest.create_rest_api(name="pets")["id"]
    root = rest.get_resources(restApiId=made)["items"][0]["id"]
    pets = rest.create_resource(restApiId=made, parentId=root, pathPart="pets")["id"]
    pet = rest.create_resource(restApiId=made, parentId=pets, pathPart="{petId}")["id"]
    rest.create_model(restApiId=made, name="Pet", contentType="application/json", schema=json.dumps(PET))
    where = {"restApiId": made, "resourceId": pet, "httpMethod": "PUT"}
    rest.put_method(
        **where,
        authorizationType="NONE",
        operationName="putPet",
        requestParameters={"method.request.path.petId": True},
        requestModels={"application/json": "Pet"},
    )
    rest.put_integration(
        **where,
        type="HTTP_PROXY",
        integrationHttpMethod="PUT",
        uri=f"{api.url}/animals/{{petId}}",
        requestParameters={"integration.request.path.petId": "method.request.path.petId"},
    )
    rest.create_deployment(restApiId=made, stageName="prod")
    gateway = control.create_gateway(
        name="stage", roleArn=ROLE, authorizerType="AWS_IAM", exceptionLevel="DEBUG"
    )
    control.create_gateway_target(
        gatewayIdentifier=gateway["gatewayId"],
        name="pets",
        targetConfiguration={"mcp": {"apiGateway": {**filters("/pets/*"), "restApiId": made}}},
        credentialProviderConfigurations=ROLE_CREDENTIAL,
    )
    result = running.tool(gateway, "pets___putPet", {"petId": "7", "name": "Rex"})
    assert result["content"][0]["text"] == '{"path": "/animals/7"}'
    assert (api.seen[-1].method, api.seen[-1].json) == ("PUT", {"name": "Rex"})
