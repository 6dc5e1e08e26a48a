"""One definition, three faces: Lambda, MCP and Python; and the programs around them."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError

import skerry.desk
from skerry.errors import ProtocolError, ServiceError
from skerry.servers.aws_ops.handler import make_handler, tool_name
from skerry.servers.aws_ops.registry import Registry
from skerry.servers.aws_ops.server import create_server
from skerry.servers.aws_ops.table import render
from skerry.settings import AwsOpsSettings
from tests.kit.asgi_thread import serve
from tests.kit.moto_estate import AWAY, HOME

DESK = Path(skerry.desk.__file__).parent


def context(name="aws___hello_world", **custom):
    """A Lambda context as awslambdaric builds it for a Gateway's call."""
    client = SimpleNamespace(custom={"bedrockAgentCoreToolName": name, **custom})
    return SimpleNamespace(client_context=client, aws_request_id="r", function_name="aws-ops")


@pytest.mark.behaviour("OPS-LAMBDA")
def test_a_lambda_target_runs_the_tool_behind_the_first_separator(registry):
    handler = make_handler(registry)
    assert handler({}, context()) == {"message": "Hello, world!"}
    assert handler({"name": "Ada"}, context("my-target___hello_world")) == {"message": "Hello, Ada!"}
    assert tool_name(context("t___a___b")) == "a___b"


@pytest.mark.behaviour("OPS-LAMBDA")
@pytest.mark.parametrize(
    "wrong",
    [
        SimpleNamespace(),
        SimpleNamespace(client_context=None),
        SimpleNamespace(client_context=SimpleNamespace(custom=None)),
        SimpleNamespace(client_context=SimpleNamespace(custom={})),
        context(""),
        context("hello_world"),
        context(7),
    ],
)
def test_without_a_tool_name_the_function_fails_whatever_the_event_says(registry, wrong):
    handler = make_handler(registry)
    with pytest.raises(ProtocolError, match="bedrockAgentCoreToolName"):
        handler({"name": "hello_world", "tool": "hello_world", "action": "hello_world"}, wrong)


def test_a_tool_that_cannot_answer_says_why_in_the_result(registry):
    handler = make_handler(registry)
    answer = handler({"operation": "list_instance"}, context("aws___ec2_read_operations"))
    assert answer["code"] == "ValidationException"
    assert "did you mean list_instances?" in answer["error"]
    assert handler({}, context("aws___nope"))["code"] == "ResourceNotFoundException"
    answer = handler({"operation": "delete_volume"}, context("aws___ec2_read_operations"))
    assert answer["code"] == "ReadOnlyException"
    assert answer["needed"]["permission"] == "ec2:DeleteVolume"


def test_the_region_of_the_client_is_the_default(registry, estate):
    handler = make_handler(registry)
    headers = {"x-client-region": AWAY}
    there = context("aws___ec2_read_operations", bedrockAgentCorePropagatedHeaders=headers)
    answer = handler({"operation": "list_instances"}, there)
    assert {item["id"] for item in answer["items"]} == set(estate.ids["away"])


async def test_over_mcp_in_both_eras(registry, estate):
    with serve(create_server(registry).http_app(stateless_http=True)) as url:
        for mode in ("legacy", "2026-07-28"):
            async with Client(f"{url}/mcp", mode=mode) as client:
                tools = {tool.name: tool for tool in await client.list_tools()}
                assert set(tools) == set(registry.tools)
                assert all(tool.annotations.read_only_hint for tool in tools.values())
                answer = await client.call_tool("ec2_read_operations", {"operation": "list_addresses"})
                assert answer.structured_content["items"][0]["public_ip"] == estate.ids["address"]
                assert answer.content[0].text == render(answer.structured_content)
                with pytest.raises(ToolError, match="did you mean list_addresses"):
                    await client.call_tool("ec2_read_operations", {"operation": "list_address"})


@pytest.fixture(scope="module")
def over_http(registry):
    with serve(create_server(registry).http_app(stateless_http=True)) as url:
        yield f"{url}/mcp"


async def by_python(registry, _url, tool, arguments):
    return registry.call(tool, arguments)


async def by_lambda(registry, _url, tool, arguments):
    return make_handler(registry)(arguments, context(f"aws___{tool}"))


async def by_http(_registry, url, tool, arguments):
    async with Client(url) as client:
        return (await client.call_tool(tool, arguments)).structured_content


async def by_stdio(_registry, _url, tool, arguments):
    program = StdioTransport(
        sys.executable,
        ["-m", "skerry.cli", "aws-ops", "stdio"],
        env=dict(os.environ),
        log_file=Path(os.devnull),
    )
    async with Client(program) as client:
        return (await client.call_tool(tool, arguments)).structured_content


async def by_command(_registry, _url, tool, arguments):
    words = [sys.executable, "-m", "skerry.cli", "aws-ops", "call", tool, json.dumps(arguments)]
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
    printed, _ = await process.communicate()
    return json.loads(printed)


@pytest.mark.behaviour("OPS-FACES")
@pytest.mark.parametrize("face", [by_lambda, by_http, by_stdio, by_command])
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("hello_world", {"name": "Ada"}),
        ("ec2_read_operations", {"operation": "list_instances", "region": f"{HOME}, {AWAY}"}),
        ("dynamodb_read_operations", {"operation": "list_tables"}),
        ("s3_read_operations", {"operation": "list_objects", "bucket": "reports", "limit": 200}),
    ],
)
async def test_the_same_call_has_the_same_answer_on_every_face(
    registry, estate, over_http, face, tool, arguments
):
    estate.need("dynamodb")
    expected = await by_python(registry, over_http, tool, arguments)
    assert expected.get("count", 1) > 0
    assert await face(registry, over_http, tool, arguments) == expected


def test_plain_tools_need_no_cloud():
    registry = Registry(AwsOpsSettings(), clock=lambda: 1_780_000_000.0)
    assert registry.call("get_time", {}) == {
        "utc": "2026-05-28T20:26:40+00:00",
        "local": "2026-05-28T20:26:40+00:00",
        "timezone": "UTC",
    }
    for wrong in ("Nowhere/City", "../../etc/passwd", "/etc/localtime", "\0"):
        with pytest.raises(ServiceError, match="is no IANA time zone"):
            registry.call("get_time", {"timezone": wrong})


def test_a_time_zone():
    pytest.importorskip("zoneinfo").ZoneInfo("Europe/Berlin")
    registry = Registry(AwsOpsSettings(), clock=lambda: 1_780_000_000.0)
    assert registry.call("get_time", {"timezone": "Europe/Berlin"})["local"] == "2026-05-28T22:26:40+02:00"


@pytest.mark.behaviour("OPS-LIGHT")
def test_importing_the_function_loads_neither_boto3_nor_an_mcp_library():
    code = "import sys, aws_ops; print(sorted({'boto3', 'botocore', 'fastmcp', 'mcp', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=DESK, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_desks_tool_schema_is_fresh():
    file = json.loads((DESK / "aws_ops_tools.json").read_text(encoding="utf-8"))
    assert file == Registry(AwsOpsSettings()).gateway_schema(), "run: python -m skerry.servers.aws_ops schema"


PROGRAMS = [["skerry.servers.aws_ops"], ["skerry.cli", "aws-ops"]]


@pytest.mark.behaviour("CLI-WRONG-ARGUMENTS")
@pytest.mark.parametrize("program", PROGRAMS, ids=["module", "command"])
@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["schema"], 0, '"inputSchema"'),
        (["policy"], 0, '"s3:ListAllMyBuckets"'),
        (["call", "hello_world", '{"name": "Ada"}'], 0, "Hello, Ada!"),
        (["table", "hello_world"], 0, "| message | Hello, world! |"),
        (["call", "hello_world", "{"], 2, "The arguments are not JSON"),
        (["http", "--port", "99999"], 1, "port 99999 cannot be used"),
        (["call", "nope"], 2, "There is no tool 'nope'. There are: apigateway_read_operations"),
        (["call", "ec2", "{}"], 2, "The arguments do not fit the tool: 'operation' is missing."),
        (["table", "ec2", '{"operation": "list_instances", "bogus": 1}'], 2, "'bogus' is not a parameter"),
        (["call", "hello_world", "[]"], 2, "The arguments of a tool are an object"),
        (["call", "ec2", '{"operation": "stop_instances"}'], 1, "aws ec2 stop-instances --instance-ids"),
    ],
)
def test_the_command(program, arguments, code, text):
    done = subprocess.run(
        [sys.executable, "-m", *program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert text in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_serves_on_a_port_and_says_which():
    serving = subprocess.Popen(
        [sys.executable, "-m", *PROGRAMS[1], "http", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    with serving:
        ready = json.loads(serving.stdout.readline())
        serving.terminate()
    assert ready["ready"] is True
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]*/mcp", ready["url"])
    assert serving.returncode == 0


def test_the_command_over_stdio_writes_nothing_of_its_own():
    done = subprocess.run(
        [sys.executable, "-m", *PROGRAMS[1], "stdio"], input="", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_file_in_tools_is_all_it_takes():
    """What docs/servers.md tells a contributor."""
    from skerry.servers.aws_ops.definition import Operation, ServiceTool

    tool = ServiceTool(
        name="sqs_read_operations",
        title="SQS: read",
        service="sqs",
        subject="Reads Amazon SQS.",
        operations=(
            Operation(
                name="list_queues",
                summary="queues by URL",
                api="ListQueues",
                items="QueueUrls[].{url: @}",
            ),
        ),
    )
    registry = Registry(AwsOpsSettings(), [tool])
    assert registry.gateway_schema()[0]["name"] == "sqs_read_operations"
    assert registry.tools["sqs_read_operations"].calls() == {("sqs", "ListQueues")}
