"""OpenAPI targets through the plane: the tools, the request that arrives at a real API, and its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mcp.client import Client

from skerry.local.gateway.assumptions import Assumptions
from tests.kit.gateway_stack import ROLE, Stack, gateway_stack, post
from tests.kit.rest_api import RestApi, openapi, rest_api

STRING = {"type": "string"}
PETS = {
    "/pets/{petId}": {
        "parameters": [{"name": "petId", "in": "path", "required": True, "schema": STRING}],
        "get": {
            "operationId": "getPet",
            "summary": "One pet.",
            "parameters": [
                {"name": "fields", "in": "query", "schema": {"type": "array", "items": STRING}},
                {"name": "verbose", "in": "query", "schema": {"type": "boolean"}},
                {"name": "X-Trace", "in": "header", "schema": STRING},
                {"name": "theme", "in": "cookie", "schema": STRING},
            ],
            "responses": {"200": {"description": "ok"}},
        },
        "put": {
            "operationId": "putPet",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
            },
            "responses": {"200": {"description": "ok"}},
        },
    },
    "/tags": {
        "post": {
            "operationId": "setTags",
            "requestBody": {
                "content": {"application/json": {"schema": {"type": "array", "items": STRING}}},
            },
            "responses": {"204": {"description": "done"}},
        }
    },
    "/login": {
        "post": {
            "operationId": "login",
            "requestBody": {
                "content": {
                    "application/x-www-form-urlencoded": {
                        "schema": {"type": "object", "properties": {"user": STRING, "role": STRING}}
                    }
                },
            },
            "responses": {"200": {"description": "ok"}},
        }
    },
    "/upload": {
        "post": {
            "operationId": "upload",
            "requestBody": {
                "content": {
                    "multipart/form-data": {"schema": {"type": "object", "properties": {"file": STRING}}}
                },
            },
            "responses": {"200": {"description": "ok"}},
        }
    },
}
PET = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": STRING, "age": {"type": "integer"}, "id": {**STRING, "readOnly": True}},
}


@pytest.fixture(scope="module")
def running() -> Iterator[RestApi]:
    with rest_api() as api:
        yield api


@pytest.fixture
def api(running: RestApi) -> RestApi:
    running.seen.clear()
    running.answers.clear()
    return running


def pets(api: RestApi) -> str:
    return openapi(api.url, PETS, components={"schemas": {"Pet": PET}})


def with_api(stack: Stack, text: str, **members: Any) -> str:
    """A gateway with one OpenAPI target `pets`."""
    gateway = stack.gateway(**members.pop("gateway", {}))
    stack.target(gateway, "pets", {"openApiSchema": {"inlinePayload": text}}, **members)
    return gateway


def call(stack: Stack, gateway: str, tool: str, arguments: Any = None, **options: Any) -> dict[str, Any]:
    params = {"name": f"pets___{tool}"} | ({} if arguments is None else {"arguments": arguments})
    answer = post(options.pop("url", stack.url(gateway)), "tools/call", params, **options)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


def text_of(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


class TestTools:
    @pytest.mark.behaviour("GW-OPENAPI-TOOLS")
    def test_each_operation_is_a_tool_named_by_its_operation_id(self, stack: Stack, api: RestApi) -> None:
        gateway = with_api(stack, pets(api))
        tools = post(stack.url(gateway), "tools/list").json()["result"]["tools"]
        assert [tool["name"] for tool in tools] == [
            "pets___getPet",
            "pets___putPet",
            "pets___setTags",
            "pets___login",
            "pets___upload",
        ]
        assert tools[0]["description"] == "One pet."
        assert tools[0]["inputSchema"] == {
            "type": "object",
            "properties": {
                "petId": STRING,
                "fields": {"type": "array", "items": STRING},
                "verbose": {"type": "boolean"},
                "X-Trace": STRING,
                "theme": STRING,
            },
            "required": ["petId"],
        }
        assert api.seen == []

    @pytest.mark.behaviour("GW-OPENAPI-UNAVAILABLE")
    def test_a_document_that_gives_no_tools_makes_the_target_unavailable_and_says_why(
        self, stack: Stack
    ) -> None:
        gateway = with_api(stack, '{"swagger": "2.0"}')
        assert post(stack.url(gateway), "tools/list").json()["result"]["tools"] == []
        assert "Swagger 2.0" in text_of(call(stack, gateway, "getPet"))

    @pytest.mark.behaviour("GW-OPENAPI-WARNINGS")
    def test_what_has_no_effect_is_in_the_log(
        self, stack: Stack, api: RestApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        text = openapi(api.url, PETS, components={"schemas": {"Pet": PET}, "securitySchemes": {"key": {}}})
        assert len(post(stack.url(with_api(stack, text)), "tools/list").json()["result"]["tools"]) == 5
        assert "target pets: security schemes are ignored" in caplog.text


class TestRequest:
    @pytest.mark.behaviour("GW-OPENAPI-PARAMETERS")
    def test_arguments_go_where_the_parameters_are(self, stack: Stack, api: RestApi) -> None:
        gateway = with_api(stack, pets(api))
        arguments = {
            "petId": "a/b ü?",
            "fields": ["x y", "z&"],
            "verbose": True,
            "X-Trace": "t-1",
            "theme": "a;b",
        }
        assert text_of(call(stack, gateway, "getPet", arguments)) == '{"path": "/pets/a%2Fb%20%C3%BC%3F"}'
        seen = api.seen[-1]
        assert (seen.method, seen.path, seen.body) == ("GET", "/pets/a%2Fb%20%C3%BC%3F", b"")
        assert seen.query == "fields=x%20y&fields=z%26&verbose=true"
        assert seen.headers["x-trace"] == "t-1"
        assert seen.headers["cookie"] == "theme=a%3Bb"
        assert seen.headers["accept"] == "application/json"
        assert "content-type" not in seen.headers

    @pytest.mark.behaviour("GW-OPENAPI-PATH")
    @pytest.mark.parametrize("value", ["..", ".", ""])
    def test_a_path_argument_cannot_lead_to_another_resource(
        self, stack: Stack, api: RestApi, value: str
    ) -> None:
        result = call(stack, with_api(stack, pets(api)), "getPet", {"petId": value})
        assert result["isError"] is True
        assert "- Field '/petId' cannot be part of a path" in text_of(result)
        assert api.seen == []

    @pytest.mark.behaviour("GW-OPENAPI-HEADER")
    @pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "Zoë"])
    def test_a_header_argument_cannot_end_its_header(self, stack: Stack, api: RestApi, value: str) -> None:
        result = call(stack, with_api(stack, pets(api)), "getPet", {"petId": "1", "X-Trace": value})
        assert "- Field '/X-Trace' cannot be sent as a header" in text_of(result)
        assert api.seen == []

    @pytest.mark.behaviour("GW-OPENAPI-BODY")
    def test_members_of_a_json_body_are_arguments_beside_the_parameters(
        self, stack: Stack, api: RestApi
    ) -> None:
        gateway = with_api(stack, pets(api))
        call(stack, gateway, "putPet", {"petId": "7", "name": "Zoë", "age": 3})
        seen = api.seen[-1]
        assert (seen.method, seen.path) == ("PUT", "/pets/7")
        assert seen.json == {"name": "Zoë", "age": 3}
        assert seen.headers["content-type"] == "application/json"

    @pytest.mark.behaviour("GW-OPENAPI-BODY")
    def test_a_body_that_is_no_object_is_the_argument_body(self, stack: Stack, api: RestApi) -> None:
        api.answers["/tags"] = (204, b"")
        gateway = with_api(stack, pets(api))
        assert text_of(call(stack, gateway, "setTags", {"body": ["a", "b"]})) == ""
        assert api.seen[-1].json == ["a", "b"]
        call(stack, gateway, "setTags")
        assert (api.seen[-1].body, "content-type" in api.seen[-1].headers) == (b"", False)

    @pytest.mark.behaviour("GW-OPENAPI-MEDIA")
    def test_a_form_is_sent_as_a_form_and_other_media_types_say_that_they_are_not(
        self, stack: Stack, api: RestApi
    ) -> None:
        gateway = with_api(stack, pets(api), gateway={"exceptionLevel": "DEBUG"})
        call(stack, gateway, "login", {"user": "a b", "role": "x&y"})
        assert api.seen[-1].body == b"user=a+b&role=x%26y"
        assert api.seen[-1].headers["content-type"] == "application/x-www-form-urlencoded"
        assert "multipart/form-data" in text_of(call(stack, gateway, "upload", {"file": "x"}))

    @pytest.mark.behaviour("GW-OPENAPI-ARGUMENTS")
    def test_arguments_are_checked_before_anything_is_sent(self, stack: Stack, api: RestApi) -> None:
        gateway = with_api(stack, pets(api))
        result = call(stack, gateway, "putPet", {"petId": "7", "age": "three", "id": "9"})
        assert text_of(result).splitlines()[1:] == [
            "- Missing required field(s): 'name'",
            "- Field '/age' has invalid type: string found, integer expected",
            (
                "- additionalProperties validation failed: property 'id' is not defined in the schema and the "
                "schema does not allow additional properties"
            ),
        ]
        assert api.seen == []

    @pytest.mark.behaviour("GW-OPENAPI-PROPAGATED")
    def test_allowed_headers_and_query_parameters_travel_both_ways(self, stack: Stack, api: RestApi) -> None:
        api.answers["/pets/7"] = (200, {}, (b"x-rate", b"9"), (b"x-secret", b"s"))
        metadata = {
            "allowedRequestHeaders": ["X-Tenant"],
            "allowedQueryParameters": ["version"],
            "allowedResponseHeaders": ["X-Rate"],
        }
        gateway = with_api(stack, pets(api), metadataConfiguration=metadata)
        url = f"{stack.url(gateway)}?version=2&other=1"
        headers = {"x-tenant": "t", "x-other": "o", "authorization": "Bearer abc"}
        params = {"name": "pets___getPet", "arguments": {"petId": "7", "verbose": False}}
        answer = post(url, "tools/call", params, headers=headers)
        assert api.seen[-1].query == "verbose=false&version=2"
        assert api.seen[-1].headers["x-tenant"] == "t"
        assert not {"x-other", "authorization"} & set(api.seen[-1].headers)
        assert answer.headers["x-rate"] == "9"
        assert "x-secret" not in answer.headers

    @pytest.mark.behaviour("GW-OPENAPI-ROLE")
    def test_a_request_is_signed_with_the_gateway_role(self, stack: Stack, api: RestApi) -> None:
        iam = {"iamCredentialProvider": {"service": "execute-api", "region": "eu-west-1"}}
        role = [{"credentialProviderType": "GATEWAY_IAM_ROLE", "credentialProvider": iam}]
        gateway = with_api(stack, pets(api), credentialProviderConfigurations=role)
        call(stack, gateway, "getPet", {"petId": "7"})
        assert "/eu-west-1/execute-api/aws4_request" in api.seen[-1].headers["authorization"]
        hop = stack.recorder.named("→ GET /pets/{petId}")[-1]
        assert hop.identity.startswith(f"arn:aws:sts::123456789012:assumed-role/{ROLE.rpartition('/')[2]}/")
        assert (hop.auth, hop.status, hop.detail["tool"]) == ("sigv4", 200, "pets___getPet")

    @pytest.mark.behaviour("GW-OPENAPI-PROPAGATED")
    def test_what_the_request_interceptor_sets_arrives(self, stack: Stack, api: RestApi) -> None:
        headers = {"Authorization": "Bearer own", "X-User-Id": "me", "X-Other": "o"}
        output = {"transformedGatewayRequest": {"headers": headers}}
        before = stack.interceptor(
            "sets", lambda event, custom: {"interceptorOutputVersion": "1.0", "mcp": output}, "REQUEST"
        )
        role = [
            {
                "credentialProviderType": "GATEWAY_IAM_ROLE",
                "credentialProvider": {"iamCredentialProvider": {"service": "execute-api"}},
            }
        ]
        gateway = with_api(
            stack,
            pets(api),
            gateway={"interceptorConfigurations": [before]},
            metadataConfiguration={"allowedRequestHeaders": ["X-User-Id"]},
            credentialProviderConfigurations=role,
        )
        call(stack, gateway, "getPet", {"petId": "7"})
        seen = api.seen[-1].headers
        assert (seen["authorization"], seen["x-user-id"]) == ("Bearer own", "me")
        assert "x-other" not in seen


class TestAnswer:
    @pytest.mark.behaviour("GW-OPENAPI-ANSWER")
    def test_the_body_is_the_text_of_the_result(self, stack: Stack, api: RestApi) -> None:
        api.answers["/pets/7"] = (200, b'{ "name": "Zo\xc3\xab" }')
        result = call(stack, with_api(stack, pets(api)), "getPet", {"petId": "7"})
        assert result == {"content": [{"type": "text", "text": '{ "name": "Zoë" }'}], "isError": False}

    @pytest.mark.behaviour("GW-OPENAPI-FAILURE")
    @pytest.mark.parametrize("status", [302, 404, 500])
    def test_an_answer_that_is_not_2xx_is_a_failure_of_the_target(
        self, stack: Stack, api: RestApi, status: int
    ) -> None:
        api.answers["/pets/7"] = (status, {"why": "because"}, (b"location", api.url.encode() + b"/other"))
        plain = call(stack, with_api(stack, pets(api)), "getPet", {"petId": "7"})
        assert plain == {
            "content": [{"type": "text", "text": "An internal error occurred. Please retry later."}],
            "isError": True,
        }
        debug = with_api(stack, pets(api), gateway={"exceptionLevel": "DEBUG"})
        result = call(stack, debug, "getPet", {"petId": "7"})
        assert text_of(result) == (
            f'The target answered GET /pets/{{petId}} with HTTP {status}: {{"why": "because"}}'
        )
        assert result["_meta"]["debug"]["text"] == text_of(result)
        assert [seen.path for seen in api.seen] == ["/pets/7", "/pets/7"]

    @pytest.mark.behaviour("GW-OPENAPI-LIMITS")
    def test_answers_have_a_limit_of_size_and_must_be_text(self, api: RestApi) -> None:
        with gateway_stack(payload=1000) as stack:
            gateway = with_api(stack, pets(api), gateway={"exceptionLevel": "DEBUG"})
            api.answers["/pets/7"] = (200, b"x" * 1001)
            assert "more than 1000 bytes" in text_of(call(stack, gateway, "getPet", {"petId": "7"}))
            api.answers["/pets/7"] = (200, b"\xff\xfe")
            assert "not UTF-8 text" in text_of(call(stack, gateway, "getPet", {"petId": "7"}))

    @pytest.mark.behaviour("GW-OPENAPI-LIMITS")
    def test_an_api_that_is_not_there_is_a_failure_of_the_target(self, stack: Stack, api: RestApi) -> None:
        gateway = with_api(
            stack, openapi("http://127.0.0.1:1", PETS | {}, components={"schemas": {"Pet": PET}})
        )
        assert text_of(call(stack, gateway, "getPet", {"petId": "7"})).startswith("An internal error")


class TestClients:
    @pytest.mark.behaviour("GW-OPENAPI-CLIENT")
    @pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
    async def test_the_sdk_client_lists_and_calls(self, api: RestApi, mode: str) -> None:
        shape = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
        content = {"application/json": {"schema": shape}}
        operation = {"operationId": "get", "responses": {"200": {"description": "ok", "content": content}}}
        api.answers["/a"] = (200, {"id": 7})
        with gateway_stack(assumptions=Assumptions(rest_output_schema=True)) as stack:
            url = stack.url(with_api(stack, openapi(api.url, {"/a": {"get": operation}})))
            async with Client(url, mode=mode) as client:
                tools = (await client.list_tools()).tools
                assert [(tool.name, tool.output_schema) for tool in tools] == [("pets___get", shape)]
                result = await client.call_tool("pets___get", {})
                assert (result.is_error, result.structured_content) == (False, {"id": 7})
                assert result.content[0].text == '{"id": 7}'


class TestS3:
    @pytest.mark.behaviour("GW-SCHEMA-S3")
    def test_a_document_in_s3_gives_the_same_tools(self, stack: Stack, api: RestApi) -> None:
        stack.objects["schemas/pets.json"] = pets(api).encode()
        gateway = stack.gateway()
        location = {"uri": "s3://schemas/pets.json", "bucketOwnerAccountId": "123456789012"}
        stack.target(gateway, "pets", {"openApiSchema": {"s3": location}})
        call(stack, gateway, "getPet", {"petId": "7"})
        assert api.seen[-1].path == "/pets/7"

    @pytest.mark.behaviour("GW-SCHEMA-S3")
    def test_a_lambda_target_has_the_tools_of_its_schema_in_s3(self, stack: Stack) -> None:
        schema = [{"name": "hi", "description": "d", "inputSchema": {"type": "object"}}]
        stack.objects["schemas/tools.json"] = json.dumps(schema).encode()
        gateway = stack.gateway()
        stack.functions.functions["fn"] = lambda event, custom: "hello"
        arn = "arn:aws:lambda:us-east-1:123456789012:function:fn"
        target = {"lambdaArn": arn, "toolSchema": {"s3": {"uri": "s3://schemas/tools.json"}}}
        role = [{"credentialProviderType": "GATEWAY_IAM_ROLE"}]
        stack.target(gateway, "pets", {"lambda": target}, credentialProviderConfigurations=role)
        assert text_of(call(stack, gateway, "hi", {})) == '"hello"'

    @pytest.mark.behaviour("GW-SCHEMA-S3")
    def test_a_static_list_of_an_mcp_server_may_be_in_s3(self, stack: Stack) -> None:
        stack.objects["schemas/mcp.json"] = (
            b'{"tools": [{"name": "fixed", "inputSchema": {"type": "object"}}]}'
        )
        gateway = stack.gateway()
        schema = {"s3": {"uri": "s3://schemas/mcp.json"}}
        stack.target(
            gateway, "pets", {"mcpServer": {"endpoint": "http://127.0.0.1:1/mcp", "mcpToolSchema": schema}}
        )
        tools = post(stack.url(gateway), "tools/list").json()["result"]["tools"]
        assert [tool["name"] for tool in tools] == ["pets___fixed"]

    @pytest.mark.behaviour("GW-SCHEMA-S3-WRONG")
    @pytest.mark.parametrize(
        ("location", "expected"),
        [
            ({"uri": "s3://schemas/none.json"}, "s3://schemas/none.json cannot be read"),
            ({"uri": "s3://schemas/latin.json"}, "s3://schemas/latin.json is not UTF-8 text"),
            ({"uri": "s3://schemas"}, "The form is s3://BUCKET/KEY"),
            ({"uri": "s3://schemas/latin.json", "bucketOwnerAccountId": "111122223333"}, "111122223333"),
        ],
    )
    def test_an_object_that_cannot_be_used_is_named(
        self, stack: Stack, location: dict[str, str], expected: str
    ) -> None:
        stack.objects["schemas/latin.json"] = b"\xff"
        gateway = stack.gateway()
        stack.target(gateway, "pets", {"openApiSchema": {"s3": location}})
        assert expected in text_of(call(stack, gateway, "getPet"))
