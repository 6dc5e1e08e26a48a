"""Smithy targets: models as tools and requests, and a real service of the embedded cloud behind a whole stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.schemas import smithy
from skerry.local.gateway.schemas.operation import Api, BadArgumentsError, request
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.wire.jsonrpc import encode
from tests.fuzz.effort import scaled
from tests.kit.local_endpoint import ROLE, Running, endpoint_process
from tests.kit.rest_api import openapi, rest_api
from tests.kit.smithy_ast import API, SCHEDULER, member, model, operation, structure


def read(tree: Any) -> Api:
    return smithy.read(tree if isinstance(tree, str) else json.dumps(tree), Assumptions(), base="http://aws")


def one(shapes: dict[str, Any], uri: str = "/a", method: str = "POST") -> Api:
    return read(model({"x#A": operation(method, uri, "x#In"), **shapes}))


class TestModels:
    @pytest.mark.behaviour("GW-SMITHY-TOOLS")
    def test_each_operation_with_an_http_trait_is_a_tool(self) -> None:
        api = read(SCHEDULER)
        assert list(api.operations) == ["CreateScheduleGroup", "GetScheduleGroup", "ListScheduleGroups"]
        assert api.service == "scheduler"
        assert api.operations["CreateScheduleGroup"].tool == {
            "name": "CreateScheduleGroup",
            "description": "Creates a schedule group.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "Name": {"type": "string"},
                    "Tags": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"Key": {"type": "string"}, "Value": {"type": "string"}},
                            "required": ["Key", "Value"],
                        },
                    },
                    "ClientToken": {"type": "string"},
                },
                "required": ["Name"],
            },
        }

    @pytest.mark.behaviour("GW-SMITHY-TOOLS")
    def test_operations_of_resources_are_tools_too(self) -> None:
        tree = model({"x#Read": operation("GET", "/r"), "x#Do": operation("POST", "/do")}, operations=[])
        tree["shapes"]["x#Service"]["resources"] = [{"target": "x#Outer"}]
        tree["shapes"]["x#Outer"] = {
            "type": "resource",
            "resources": [{"target": "x#Inner"}, {"target": "x#Outer"}],
        }
        tree["shapes"]["x#Inner"] = {
            "type": "resource",
            "read": {"target": "x#Read"},
            "collectionOperations": [{"target": "x#Do"}],
        }
        assert set(read(tree).operations) == {"Read", "Do"}

    @pytest.mark.behaviour("GW-SMITHY-TYPES")
    def test_shapes_of_every_type_have_a_json_schema(self) -> None:
        api = one(
            {
                "x#In": structure(
                    b=member("Blob"),
                    t=member("Timestamp"),
                    d=member("Document"),
                    n=member("Double"),
                    i=member("PrimitiveLong"),
                    e=member("x#Enum"),
                    o=member("x#Old"),
                    k=member("x#IntEnum"),
                    m=member("x#Map"),
                    u=member("x#Union"),
                    r=member("x#Node"),
                ),
                "x#Enum": {
                    "type": "enum",
                    "members": {"A": member("Unit", enumValue="a"), "B": member("Unit")},
                },
                "x#Old": {"type": "string", "traits": {f"{API}enum": [{"value": "x"}, {"value": "y"}]}},
                "x#IntEnum": {"type": "intEnum", "members": {"ONE": member("Unit", enumValue=1)}},
                "x#Map": {"type": "map", "key": member("String"), "value": member("Boolean")},
                "x#Union": {"type": "union", "members": {"left": member("String")}},
                "x#Node": structure(next=member("x#Node", documentation="The next.")),
            }
        )
        assert api.operations["A"].tool["inputSchema"]["properties"] == {
            "b": {"type": "string"},
            "t": {"type": "string", "format": "date-time"},
            "d": {},
            "n": {"type": "number"},
            "i": {"type": "integer"},
            "e": {"type": "string", "enum": ["a", "B"]},
            "o": {"type": "string", "enum": ["x", "y"]},
            "k": {"type": "integer", "enum": [1]},
            "m": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "u": {"type": "object", "properties": {"left": {"type": "string"}}},
            "r": {"type": "object", "properties": {"next": {"type": "object", "description": "The next."}}},
        }

    @pytest.mark.behaviour("GW-SMITHY-REFUSED")
    @pytest.mark.parametrize(
        ("tree", "expected"),
        [
            ('{"smithy": ', "line 1"),
            ({"smithy": "2.0"}, "needs the members smithy and shapes"),
            ({"smithy": "2.0", "shapes": {}}, "has 0 services"),
            (model({}), "no operation that can be a tool"),
            (model({}, traits={"aws.protocols#awsJson1_0": {}}), "this is aws.protocols#awsJson1_0"),
            (model({}, traits={"aws.protocols#restJson1": {}}), "models of AWS services only"),
            (model({"x#A": operation("GET", "/a", "x#None")}), "x#A: the shape 'x#None' is not in the model"),
            (model({"x#A": operation("GET", "/{id}")}), "x#A: the label 'id' is not in both"),
            (model({}, operations=[{"target": "x#A"}]), "'x#A' is not in the model"),
        ],
    )
    def test_what_a_gateway_does_not_take_is_named(self, tree: Any, expected: str) -> None:
        with pytest.raises(SchemaError) as caught:
            read(tree)
        assert expected in str(caught.value)

    @pytest.mark.behaviour("GW-SMITHY-STREAMING")
    def test_streaming_operations_are_left_out_with_a_warning(self) -> None:
        shapes = {
            "x#Plain": operation("GET", "/plain"),
            "x#Stream": operation("GET", "/stream", gives="x#Out"),
            "x#Rpc": {"type": "operation"},
            "x#Out": structure(body=member("x#Bytes", httpPayload={})),
            "x#Bytes": {"type": "blob", "traits": {f"{API}streaming": {}}},
        }
        api = read(model(shapes))
        assert list(api.operations) == ["Plain"]
        assert [warning.split(" is ")[0] for warning in api.warnings] == [
            "the operation Stream",
            "the operation Rpc",
        ]


class TestRequests:
    @pytest.mark.behaviour("GW-SMITHY-BINDINGS")
    def test_members_go_where_their_traits_say(self) -> None:
        api = one(
            {
                "x#In": structure(
                    key=member("String", httpLabel={}, required={}),
                    since=member("Timestamp", httpQuery="since"),
                    more=member("x#Strings", httpQueryParams={}),
                    when=member("Timestamp", httpHeader="X-When"),
                    meta=member("x#Strings", httpPrefixHeaders="X-Meta-"),
                    at=member("Timestamp"),
                    name=member("String", jsonName="Name"),
                    deep=member("x#Deep"),
                ),
                "x#Strings": {"type": "map", "key": member("String"), "value": member("String")},
                "x#Deep": structure(times=member("x#Times"), plain=member("String", jsonName="p")),
                "x#Times": {"type": "list", "member": member("Timestamp", timestampFormat="http-date")},
            },
            uri="/a/{key+}?fixed=1",
        )
        moment = "2026-01-02T03:04:05Z"
        made = request(
            api.operations["A"],
            {
                "key": "b/c d",
                "since": moment,
                "more": {"x": "1"},
                "when": moment,
                "meta": {"One": "1"},
                "at": moment,
                "name": "n",
                "deep": {"times": [moment], "plain": "q", "other": 1},
            },
        )
        assert made.url == "http://aws/a/b/c%20d?fixed=1&since=2026-01-02T03%3A04%3A05Z&x=1"
        assert made.headers["x-when"] == "Fri, 02 Jan 2026 03:04:05 GMT"
        assert made.headers["x-meta-one"] == "1"
        assert json.loads(made.body) == {
            "at": 1767323045,
            "Name": "n",
            "deep": {"times": ["Fri, 02 Jan 2026 03:04:05 GMT"], "p": "q", "other": 1},
        }
        with pytest.raises(BadArgumentsError, match="'/deep/times/0' is no date and time"):
            request(api.operations["A"], {"key": "k", "deep": {"times": ["soon"]}})
        with pytest.raises(BadArgumentsError, match="cannot be part of a path"):
            request(api.operations["A"], {"key": "a/../b"})

    @pytest.mark.behaviour("GW-SMITHY-BINDINGS")
    @pytest.mark.parametrize(
        ("target", "value", "body", "media"),
        [
            ("Blob", "aGk=", b"hi", "application/octet-stream"),
            ("String", "hi", b"hi", "text/plain"),
            ("x#Doc", {"at": "2026-01-02T03:04:05Z"}, b'{"at":1767323045}', "application/json"),
        ],
    )
    def test_a_payload_member_is_the_whole_body(
        self, target: str, value: Any, body: bytes, media: str
    ) -> None:
        api = one(
            {
                "x#In": structure(data=member(target, httpPayload={})),
                "x#Doc": structure(at=member("Timestamp")),
            }
        )
        made = request(api.operations["A"], {"data": value})
        assert (made.body, made.headers["content-type"]) == (body, media)
        assert request(api.operations["A"], {}).body == b""

    @pytest.mark.behaviour("GW-SMITHY-IDEMPOTENCY")
    def test_an_idempotency_token_is_made_when_it_is_not_given(self) -> None:
        create = read(SCHEDULER).operations["CreateScheduleGroup"]
        made = [json.loads(request(create, {"Name": "n"}).body)["ClientToken"] for _ in range(2)]
        assert made[0] != made[1]
        assert json.loads(request(create, {"Name": "n", "ClientToken": "mine"}).body) == {
            "ClientToken": "mine"
        }


VALUES = st.sampled_from(
    ["x#A", "x#In", "string", "list", "map", "structure", f"{API}String", f"{API}Blob", 1, None, {}]
)
TREES = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "members", "member", "value", "key", "target", "traits", "input", "a", "b"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=16,
)


@pytest.mark.behaviour("GW-SMITHY-ROBUST")
@settings(max_examples=scaled(80), deadline=None)
@given(shape=TREES, other=TREES, members=st.dictionaries(st.sampled_from("ab"), TREES, max_size=2))
def test_any_model_gives_tools_or_one_problem(shape: Any, other: Any, members: Any) -> None:
    base = operation("POST", "/a", "x#In")
    for tree in (
        model(
            {
                "x#A": base,
                "x#In": shape
                if isinstance(shape, dict) and "type" in shape
                else {"type": "structure", "members": shape},
            }
        ),
        model({"x#A": base, "x#In": {"type": "structure", "members": members}}),
        {"smithy": "2.0", "shapes": {**model({"x#A": base})["shapes"], "x#In": other}},
        {"smithy": "2.0", "shapes": {**model({})["shapes"], "x#A": other, "y": shape}},
    ):
        try:
            api = read(tree)
        except SchemaError as error:
            assert str(error)
            continue
        for made in api.operations.values():
            assert json.loads(encode(made.tool)) == made.tool


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with endpoint_process(tmp_path_factory.mktemp("stack")) as process:
        yield process


class TestWholeStack:
    @pytest.mark.behaviour("GW-SMITHY-CALL")
    def test_a_service_of_the_embedded_cloud_is_called_with_the_gateway_role(self, running: Running) -> None:
        control = running.client("bedrock-agentcore-control")
        gateway = control.create_gateway(
            name="smithy", roleArn=ROLE, authorizerType="AWS_IAM", exceptionLevel="DEBUG"
        )
        control.create_gateway_target(
            gatewayIdentifier=gateway["gatewayId"],
            name="scheduler",
            targetConfiguration={"mcp": {"smithyModel": {"inlinePayload": json.dumps(SCHEDULER)}}},
            credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
        )
        tags = [{"Key": "team", "Value": "desk"}]
        made = running.tool(gateway, "scheduler___CreateScheduleGroup", {"Name": "night", "Tags": tags})
        assert json.loads(made["content"][0]["text"])["ScheduleGroupArn"].endswith(":schedule-group/night")
        got = running.client("scheduler").get_schedule_group(Name="night")
        assert got["State"] == "ACTIVE"
        listed = running.tool(
            gateway, "scheduler___ListScheduleGroups", {"NamePrefix": "nig", "MaxResults": 5}
        )
        assert [group["Name"] for group in json.loads(listed["content"][0]["text"])["ScheduleGroups"]] == [
            "night"
        ]
        missing = running.tool(gateway, "scheduler___GetScheduleGroup", {"Name": "none"})
        assert missing["isError"] is True
        assert "HTTP 404" in missing["content"][0]["text"]

    @pytest.mark.behaviour("GW-SCHEMA-S3")
    def test_a_schema_in_the_s3_of_the_stack(self, running: Running) -> None:
        control, s3 = running.client("bedrock-agentcore-control"), running.client("s3")
        gateway = control.create_gateway(name="s3", roleArn=ROLE, authorizerType="AWS_IAM")
        s3.create_bucket(Bucket="schemas")
        with rest_api() as api:
            paths = {"/a": {"get": {"operationId": "a", "responses": {"200": {"description": "ok"}}}}}
            s3.put_object(Bucket="schemas", Key="v 1/api.json", Body=openapi(api.url, paths).encode())
            s3.put_object(Bucket="schemas", Key="big.json", Body=b" " * 10_000_001)
            for name, key in (("good", "v 1/api.json"), ("big", "big.json"), ("gone", "none.json")):
                control.create_gateway_target(
                    gatewayIdentifier=gateway["gatewayId"],
                    name=name,
                    targetConfiguration={"mcp": {"openApiSchema": {"s3": {"uri": f"s3://schemas/{key}"}}}},
                )
            assert running.tool(gateway, "good___a", {})["content"][0]["text"] == '{"path": "/a"}'
            assert "more than 10000000 bytes" in str(running.tool(gateway, "big___a", {}))
            assert "s3://schemas/none.json cannot be read: status 404" in str(
                running.tool(gateway, "gone___a", {})
            )

    @pytest.mark.behaviour("GW-SCHEMA-CHECKED")
    def test_the_stack_refuses_a_model_that_it_cannot_call(self, running: Running) -> None:
        control = running.client("bedrock-agentcore-control")
        gateway = control.create_gateway(name="refused", roleArn=ROLE, authorizerType="AWS_IAM")
        with pytest.raises(ClientError, match="models of AWS services only"):
            control.create_gateway_target(
                gatewayIdentifier=gateway["gatewayId"],
                name="own",
                targetConfiguration={
                    "mcp": {
                        "smithyModel": {
                            "inlinePayload": json.dumps(model({}, traits={"aws.protocols#restJson1": {}}))
                        }
                    }
                },
                credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
            )
