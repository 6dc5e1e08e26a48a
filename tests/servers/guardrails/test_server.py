"""The server over MCP and HTTP, on the models plane and on a stand-in that refuses."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError

import skerry.desk
from skerry.errors import ConfigurationError
from skerry.servers.guardrails.server import create_server
from skerry.settings import GuardrailsSettings
from tests.kit.asgi_thread import serve
from tests.kit.plane import REGION, running
from tests.local.models.guardrails.estate import ESTATE, FULL, plane

PLAIN = ESTATE.declared[1].identifier
SETTINGS = GuardrailsSettings(
    allowed=((FULL.identifier, "3"), (ESTATE.arn(FULL), "DRAFT"), (PLAIN, "1"), ("nosuchguard1", "1")),
    region=REGION,
)
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def served():
    with running(plane) as found:
        yield found


@pytest.fixture
def variables(served, monkeypatch):
    """The environment of a runtime: boto3 finds endpoint and key there."""
    key = served.ports.developer
    found = {
        "AWS_ENDPOINT_URL": served.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
async def client(variables):
    async with Client(create_server(SETTINGS)) as found:
        yield found


async def validate(client, content, **more):
    result = await client.call_tool("validate_content", {"content": content, **more})
    return result.structured_content


async def refused(client, content, **more):
    with pytest.raises(ToolError) as caught:
        await validate(client, content, **more)
    return str(caught.value)


@pytest.mark.behaviour("GR-TOOL")
async def test_the_tool_says_that_it_only_reads(client):
    [tool] = await client.list_tools()
    assert (tool.name, tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (
        "validate_content",
        True,
        False,
    )
    assert tool.input_schema["required"] == ["content"]
    assert set(tool.output_schema["properties"]) >= {"verdict", "findings", "reasoning", "text", "usage"}


@pytest.mark.behaviour("GR-TOOL")
async def test_each_verdict(client):
    free = await validate(client, "hello")
    assert (free["verdict"], free["text"], free["outputs"], free["reason"]) == (
        "allowed",
        "hello",
        [],
        "No action.",
    )
    masked = await validate(client, "ask ada@example.com", source="OUTPUT")
    assert (masked["verdict"], masked["text"]) == ("anonymized", "ask {EMAIL}")
    assert masked["findings"] == [
        {
            "policy": "sensitive_information",
            "type": "EMAIL",
            "name": "",
            "match": "ada@example.com",
            "action": "ANONYMIZED",
            "confidence": "",
            "score": None,
            "threshold": None,
        }
    ]
    blocked = await validate(client, "Falcon and ada@example.com")
    assert (blocked["verdict"], blocked["text"]) == ("blocked", "No entry.")
    assert {(item["policy"], item["type"], item["action"]) for item in blocked["findings"]} == {
        ("word", "CUSTOM", "BLOCKED"),
        ("sensitive_information", "EMAIL", "ANONYMIZED"),
    }
    assert blocked["usage"]["wordPolicyUnits"] == 1
    assert blocked["characters"] == {"guarded": 26, "total": 26}


@pytest.mark.behaviour("GR-TOOL")
async def test_automated_reasoning_is_structured(client):
    seen = await validate(client, "Logs are kept for 30 days. The sky is blue.", query="In production?")
    assert (seen["verdict"], seen["reasoning_result"]) == ("allowed", "invalid")
    [finding] = seen["reasoning"]
    assert finding["premises"] == ['place is "production"']
    assert finding["claims"] == ["days is 30"]
    assert finding["untranslated"] == ["The sky is blue"]
    assert len(finding["contradicting_rules"]) == 1
    valid = await validate(client, "Logs cannot be erased.", query="In production?")
    assert valid["reasoning_result"] == "valid"
    both = await validate(client, "Logs can be erased and cannot be erased.")
    assert both["reasoning"][0]["readings"] == [["erased is true"], ["erased is false"]]


async def test_grounding_needs_question_and_source(client):
    seen = await validate(
        client, "Penguins swim.", source="OUTPUT", query="How many objects?", grounding_source="forty objects"
    )
    assert seen["verdict"] == "blocked"
    assert [(item["type"], item["score"], item["threshold"]) for item in seen["findings"]] == [
        ("GROUNDING", 0.0, 0.6),
        ("RELEVANCE", 0.0, 0.5),
    ]


async def test_only_the_findings_asked_for_are_shown_and_the_verdict_stays(client):
    seen = await validate(
        client, "Falcon for ada@example.com kept for 5 days", policies=["sensitive_information"]
    )
    assert [item["policy"] for item in seen["findings"]] == ["sensitive_information"]
    assert (seen["verdict"], seen["reasoning"], seen["reasoning_result"]) == ("blocked", [], "")


@pytest.mark.behaviour("GR-ALLOWED")
async def test_a_caller_chooses_among_the_allowed_guardrails_only(client):
    assert (await validate(client, "a secret", guardrail=PLAIN))["verdict"] == "blocked"
    assert (await validate(client, "x", guardrail=FULL.identifier, version="DRAFT"))["version"] == "DRAFT"
    for guardrail, version in (("another", ""), (PLAIN, "2"), ("", "9")):
        said = await refused(client, "x", guardrail=guardrail, version=version)
        assert f"is not allowed here. Allowed: {FULL.identifier} version 3" in said


@pytest.mark.behaviour("GR-PROBLEM")
async def test_what_is_wrong_with_a_call_is_one_line(client, variables, monkeypatch):
    assert "25001 characters; 25000 are allowed" in await refused(client, "x" * 25_001)
    assert "The content is blank" in await refused(client, "  ")
    assert (
        "found no such guardrail or version (ResourceNotFoundException). Check GUARDRAILS_ID"
        in await refused(client, "x", guardrail="nosuchguard1")
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    async with Client(create_server(SETTINGS)) as other:
        assert "the signature is wrong (InvalidSignatureException). Check the secret key." in await refused(
            other, "x"
        )


class Refusing:
    """A stand-in for Bedrock that answers every call with one error."""

    def __init__(self, name, status):
        self.name, self.status = name, status

    async def __call__(self, scope, receive, send):
        head = [(b"content-type", b"application/json"), (b"x-amzn-errortype", self.name.encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        await send({"type": "http.response.body", "body": b'{"message": "no"}'})


@pytest.mark.behaviour("GR-PROBLEM")
@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("AccessDeniedException", 403, "is denied (AccessDeniedException). Grant bedrock:ApplyGuardrail"),
        ("ThrottlingException", 429, "is throttled (ThrottlingException). Wait a little"),
        ("ServiceQuotaExceededException", 400, "is over its quota"),
        ("ValidationException", 400, "failed (ValidationException): no"),
    ],
)
async def test_bedrocks_errors_are_one_line(variables, monkeypatch, name, status, said):
    with serve(Refusing(name, status), lifespan="off") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        async with Client(create_server(SETTINGS)) as client:
            assert said in await refused(client, "x")


async def test_bedrock_out_of_reach_is_one_line(variables, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    async with Client(create_server(SETTINGS)) as client:
        assert "could not reach the endpoint" in await refused(client, "x")


async def test_an_intervention_without_a_reason_is_taken_for_a_block():
    class Silent:
        """Implements `Service`: intervenes and does not say why."""

        def __init__(self, settings):
            self.closed = False

        async def apply(self, guardrail, source, content):
            return {"action": "GUARDRAIL_INTERVENED", "outputs": [], "assessments": [], "usage": {}}

        def close(self):
            self.closed = True

    async with Client(create_server(SETTINGS, Silent)) as client:
        seen = await validate(client, "x")
    assert (seen["verdict"], seen["text"]) == ("blocked", "")


# The programs ------------------------------------------------------------------------------------


@pytest.fixture
def environment(variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GUARDRAILS_"))}
    return kept | variables | {"GUARDRAILS_ID": FULL.identifier, "GUARDRAILS_VERSION": "3"}


async def test_over_stdio(environment):
    transport = StdioTransport(sys.executable, ["-m", "skerry.servers.guardrails", "stdio"], env=environment)
    async with Client(transport) as client:
        assert (await validate(client, "Falcon"))["verdict"] == "blocked"


@pytest.mark.behaviour("SMOKE-GUARDRAILS")
def test_smoke_walks_it_over_stdio_and_sends_no_requests(environment):
    command = [sys.executable, "-m", "skerry", "smoke", "--json", "--content", "the code name", "--"]
    command += [sys.executable, "-m", "skerry.servers.guardrails", "stdio"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["mode"], told["ok"]) == (0, "guardrails", True)
    assert [step["step"] for step in told["steps"]] == ["connect", "tools", "validate", "validate out"]
    assert told["steps"][2]["saw"].startswith("INPUT: blocked, 1 finding")


@pytest.mark.behaviour("GR-STATELESS")
def test_over_http_every_request_stands_alone(environment):
    command = [sys.executable, "-m", "skerry.servers.guardrails", "http"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = json.loads(process.stdout.readline())["url"]
            call = {"name": "validate_content", "arguments": {"content": "Falcon"}}
            with httpx2.Client(trust_env=False) as http:
                listed = http.post(url, json=LIST, headers=ACCEPT)
                called = http.post(url, json={**LIST, "method": "tools/call", "params": call}, headers=ACCEPT)
                without = http.post(url, json=LIST, headers={"Accept": "application/json"})
        finally:
            process.terminate()
    assert (listed.status_code, called.status_code) == (200, 200)
    assert "mcp-session-id" not in listed.headers
    assert '"verdict":"blocked"' in called.text.replace(" ", "")
    assert without.status_code == 406


def test_the_desks_program_says_what_it_lacks(environment):
    environment.pop("GUARDRAILS_ID")
    file = Path(skerry.desk.__file__).with_name("guardrails.py")
    done = subprocess.run(
        [sys.executable, str(file)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        "guardrails: no guardrail is named. Set GUARDRAILS_ID to the id of one, and GUARDRAILS_VERSION.\n",
    )


# Settings ----------------------------------------------------------------------------------------


def test_settings_from_the_environment():
    found = GuardrailsSettings.from_env(
        {
            "GUARDRAILS_ID": "a1",
            "GUARDRAILS_ALLOWED": "b2:1, arn:aws:bedrock:r:1:guardrail/c3:DRAFT",
            "GUARDRAILS_TIMEOUT": "3",
            "AWS_REGION": "eu-west-1",
        }
    )
    assert found.allowed == (("a1", "DRAFT"), ("b2", "1"), ("arn:aws:bedrock:r:1:guardrail/c3", "DRAFT"))
    assert (found.timeout, found.region, found.host) == (3.0, "eu-west-1", "127.0.0.1")
    assert replace(found, host="127.0.0.1") == found


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"GUARDRAILS_ALLOWED": "b2"},
        {"GUARDRAILS_ID": "a", "GUARDRAILS_TIMEOUT": "x"},
        {"GUARDRAILS_ID": "a", "GUARDRAILS_MAX_CHARACTERS": "0"},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        GuardrailsSettings.from_env(wrong)
