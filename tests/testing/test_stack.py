"""What a test asks a stack, over a real one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from skerry.errors import ConfigurationError
from skerry.testing import Stack
from skerry.testing.stack import Named

pytestmark = pytest.mark.xdist_group("testing")


def ask(stack: Stack, session: str, **payload: str) -> dict:
    client = stack.client("bedrock-agentcore")
    answer = client.invoke_agent_runtime(
        agentRuntimeArn=stack.runtimes["echo"].arn, runtimeSessionId=session, payload=json.dumps(payload)
    )
    found = json.loads(answer["response"].read())
    client.close()
    return found


@pytest.mark.behaviour("TEST-STACK")
def test_boto3_speaks_to_the_stack_and_its_hop_is_told(stack: Stack):
    began, session = time.time(), "hops-" + "0" * 40
    assert ask(stack, session, city="Paris") == {"echo": {"city": "Paris"}}
    (hop,) = stack.hops(since=began, session=session)
    assert (hop.part, hop.target, hop.auth, hop.status) == ("runtime", "echo", "sigv4", 200)
    assert stack.hops(trace=hop.trace) == [hop]
    assert stack.hops(since=time.time() + 60) == []
    (line,) = stack.hop_tree(trace=hop.trace)
    assert "→ echo" in line


@pytest.mark.behaviour("TEST-CLOCK")
@pytest.mark.parametrize("by", ["20m", 1200, timedelta(minutes=20)])
def test_time_passes_for_sessions(stack: Stack, by: str | float | timedelta):
    session = f"clock-{by}-".replace(":", "-").ljust(40, "0")
    ask(stack, session)
    ended = {one["session"]: one["reason"] for one in stack.advance(by)["ended"]}
    assert "idle" in ended[session]


@pytest.mark.behaviour("TEST-STACK")
def test_a_token_is_for_the_audience_that_is_asked_for(stack: Stack):
    realm = stack.facts["realms"]["desk"]
    token = stack.token(audience="second", client="batch")
    claims = json.loads(_decoded(token.split(".")[1]))
    assert (claims["iss"], claims["aud"]) == (realm["issuer"], "second")
    with pytest.raises(ConfigurationError, match=r"no client 'nobody'\. Known: batch"):
        stack.token(client="nobody")


@pytest.mark.behaviour("TEST-STACK")
async def test_an_mcp_client_enters_a_gateway_with_that_token(stack: Stack):
    url = stack.gateways["tools"].url

    async def listed(audience: str) -> list:
        headers = {"Authorization": f"Bearer {stack.token(audience=audience)}"}
        async with Client(StreamableHttpTransport(url, headers=headers)) as client:
            return await client.list_tools()

    assert await listed("second") == []  # there is no target
    with pytest.raises(Exception, match="'aud' value mismatch"):
        await listed("first")


def _decoded(part: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.behaviour("TEST-STACK")
def test_the_environment_is_that_of_skerry_env_and_shown_nowhere(stack: Stack):
    assert stack.environment == json.loads(stack.skerry("env", "--json"))
    assert stack.environment["AWS_ENDPOINT_URL"] == stack.url
    assert stack.environment["AWS_SECRET_ACCESS_KEY"] not in repr(stack) + json.dumps(dict(stack.facts))


@pytest.mark.behaviour("TEST-STACK")
def test_a_log_is_read_by_its_name(stack: Stack):
    with pytest.raises(ConfigurationError, match=r"Known: .*endpoint"):
        stack.logs("nobody")
    with pytest.raises(ClientError):
        ask(stack, "logs-" + "0" * 40, wrong="where Atlantis is")
    assert any("the agent does not know where Atlantis is" in line for line in stack.logs("echo"))


@pytest.mark.behaviour("TEST-STACK")
def test_a_name_that_is_not_declared_is_told_with_those_that_are():
    named = Named("runtime", [("assistant", 1), ("weather", 2)])
    assert named["weather"] == 2
    assert "asistant" not in named
    with pytest.raises(
        ConfigurationError, match=r"no runtime 'asistant'\. Did you mean 'assistant'\? .*assistant, weather"
    ):
        named["asistant"]
    with pytest.raises(ConfigurationError, match="Declared: none"):
        Named("gateway", [])["tools"]


WITHOUT_BOTO3 = """
import sys
sys.modules["boto3"] = None
from pathlib import Path
from skerry.testing.stack import Stack
stack = Stack("http://127.0.0.1:1", "us-east-1", "1", Path(), {}, {}, {}, {}, {})
try:
    stack.client("s3")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.behaviour("TEST-LIGHT")
def test_without_boto3_the_extra_is_named():
    done = subprocess.run([sys.executable, "-c", WITHOUT_BOTO3], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingExtraError")
    assert "pip install 'skerry[local]'" in done.stdout
