"""Where messages go: a runtime, a gateway, a URL; in AWS, which a tunnel leads back to this machine, and here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.kit.agentcore import ARN, AgentCore
from tests.kit.certificates import Authority
from tests.kit.forward_proxy import ForwardProxy
from tests.kit.stdio_host import StdioHost, text_of
from tests.proxy.running import PLAIN, proxy

ENCODED = quote(ARN, safe="")
INVOCATIONS = f"/runtimes/{ENCODED}/invocations?qualifier=DEFAULT"
GATEWAY_ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/desk-0123456789"
NOT_LOCAL: Mapping[str, str | None] = {"AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": None, "NO_PROXY": "localhost"}


def targets(server: AgentCore) -> set[str]:
    return {item.request.target for item in server.seen}


async def echoed(host: StdioHost) -> None:
    """A conversation of two messages."""
    await host.initialize()
    assert text_of(await host.call("echo", {"text": "there"})) == "there"


def scope_of(server: AgentCore) -> set[tuple[str, str]]:
    """Region and service of the signatures."""
    found = set()
    for item in server.seen:
        credential = item.headers["authorization"].partition("Credential=")[2].partition(",")[0]
        _, _, region, service, _ = credential.split("/")
        found.add((region, service))
    return found


# On this machine


@pytest.mark.behaviour("PROXY-RUNTIME-URL")
async def test_a_runtime_arn_becomes_one_encoded_segment_of_the_path(server: AgentCore):
    async with proxy(server, "--endpoint-url", server.url) as host:
        await echoed(host)
        assert targets(server) == {INVOCATIONS}


@pytest.mark.behaviour("PROXY-RUNTIME-URL")
async def test_the_qualifier_is_passed_on(server: AgentCore):
    async with proxy(server, "--qualifier", "prod blue") as host:
        await echoed(host)
        assert targets(server) == {f"/runtimes/{ENCODED}/invocations?qualifier=prod%20blue"}


@pytest.mark.behaviour("PROXY-REGION")
async def test_the_region_of_the_arn_wins(server: AgentCore):
    server.arn = ARN.replace("us-east-1", "eu-central-1")
    async with proxy(server, "--region", "us-west-2", env={"AWS_REGION": "ap-south-1"}) as host:
        await echoed(host)
    assert scope_of(server) == {("eu-central-1", "bedrock-agentcore")}


@pytest.mark.behaviour("PROXY-GATEWAY-URL")
async def test_a_gateway_arn_is_found_below_the_endpoint(server: AgentCore):
    async with proxy(server, target=GATEWAY_ARN) as host:
        await echoed(host)
        assert targets(server) == {"/gateway/desk-0123456789/mcp"}


@pytest.mark.behaviour("PROXY-PLAIN-URL")
async def test_a_url_is_used_as_it_stands(server: AgentCore):
    async with proxy(server, *PLAIN, target=f"{server.mcp_url}?a=b%2Fc") as host:
        await echoed(host)
        assert targets(server) == {"/mcp?a=b%2Fc"}
    assert all("authorization" not in item.headers for item in server.seen)


@pytest.mark.behaviour("PROXY-PLAIN-URL")
async def test_an_invocation_url_is_a_runtime_too(server: AgentCore):
    async with proxy(server, "--region", "us-east-1", target=server.invoke_url) as host:
        await echoed(host)
        assert targets(server) == {INVOCATIONS}
        assert all("x-amzn-bedrock-agentcore-runtime-session-id" in item.headers for item in server.seen)


@pytest.mark.behaviour("PROXY-ENDPOINT")
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", "AWS_ENDPOINT_URL"])
async def test_the_endpoint_comes_from_the_environment(server: AgentCore, name: str):
    env: dict[str, str | None] = {"AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": None, name: server.url + "/"}
    async with proxy(server, env=env) as host:
        await echoed(host)
        assert targets(server) == {INVOCATIONS}


@pytest.mark.behaviour("PROXY-ENDPOINT")
async def test_the_endpoint_flag_wins_over_the_environment(server: AgentCore):
    env = {"AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": "http://127.0.0.1:9"}
    async with proxy(server, "--endpoint-url", server.url, env=env) as host:
        await echoed(host)


@pytest.mark.behaviour("PROXY-ENVIRONMENT")
@pytest.mark.parametrize("name", ["AGENTCORE_AGENT_ARN", "AGENT_ARN"])
async def test_the_target_comes_from_the_environment(server: AgentCore, name: str):
    async with proxy(server, target="", env={name: server.arn}) as host:
        await echoed(host)
        assert targets(server) == {INVOCATIONS}


@pytest.mark.behaviour("PROXY-ENVIRONMENT")
async def test_a_given_target_wins_over_the_environment(server: AgentCore):
    env = {"AGENTCORE_AGENT_ARN": ARN.replace("desk", "other"), "AGENT_ARN": "nonsense"}
    async with proxy(server, env=env) as host:
        await echoed(host)
        assert targets(server) == {INVOCATIONS}


@pytest.mark.behaviour("PROXY-TARGET-REFUSED")
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("arn:aws:bedrock-agentcore:us-east-1:123456789012:memory/m-0123456789", "runtime"),
        ("arn:aws:bedrock-agentcore:us-east-1:12:runtime/x", "ARN"),
        ("ftp://127.0.0.1/mcp", "http"),
        ("http://name:word@127.0.0.1/mcp", "user name"),
        ("desk", "skerry up"),
    ],
)
async def test_a_target_that_cannot_work_is_refused_at_once_with_the_next_move(
    server: AgentCore, target: str, said: str
):
    async with proxy(server, target=target) as host:
        assert await host.exit_code() in (1, 2)
    assert said in host.stderr.decode()
    assert b"SKY-" in host.stderr
    assert b"Traceback" not in host.stderr
    assert b"word" not in host.stderr.replace(b"password", b"")
    assert host.lines == []


# In AWS, as far as the wire goes


@contextlib.asynccontextmanager
async def aws(
    folder: Path, *hosts: str
) -> AsyncIterator[tuple[AgentCore, ForwardProxy, dict[str, str | None]]]:
    """A server that holds certificates for these hosts, a proxy that leads there, and the environment for it."""
    authority = Authority(folder)
    async with AgentCore(tls=authority.server(*hosts)) as server, ForwardProxy(server.peer.port) as tunnel:
        env: dict[str, str | None] = {
            **NOT_LOCAL,
            "HTTPS_PROXY": tunnel.url,
            "AWS_CA_BUNDLE": str(authority.bundle),
        }
        yield server, tunnel, env
        assert server.complaints == []


@pytest.mark.behaviour("PROXY-RUNTIME-URL")
@pytest.mark.parametrize(
    ("arn", "host"),
    [
        (ARN, "bedrock-agentcore.us-east-1.amazonaws.com"),
        (
            "arn:aws-cn:bedrock-agentcore:cn-north-1:123456789012:runtime/desk-abcdefghij",
            "bedrock-agentcore.cn-north-1.amazonaws.com.cn",
        ),
    ],
    ids=["aws", "china"],
)
async def test_a_runtime_in_aws_is_found_by_its_arn_alone(tmp_path: Path, arn: str, host: str):
    async with aws(tmp_path, host) as (server, tunnel, env):
        server.auth, server.arn = "sigv4", arn
        async with proxy(server, env=env) as proxied:
            await echoed(proxied)
            assert targets(server) == {f"/runtimes/{quote(arn, safe='')}/invocations?qualifier=DEFAULT"}
        assert set(tunnel.asked) == {f"{host}:443"}
        assert {item.headers["host"] for item in server.seen} == {host}
        assert scope_of(server) == {(arn.split(":")[3], "bedrock-agentcore")}


@pytest.mark.behaviour("PROXY-GATEWAY-URL")
@pytest.mark.parametrize("by", ["arn", "url"])
async def test_a_gateway_in_aws_is_found_by_its_arn_or_url(tmp_path: Path, by: str):
    name = "desk-0123456789.gateway.bedrock-agentcore.us-east-1.amazonaws.com"
    async with aws(tmp_path, name) as (server, tunnel, env):
        server.auth = "sigv4"
        target = GATEWAY_ARN if by == "arn" else f"https://{name}/mcp"
        async with proxy(server, target=target, env=env) as host:
            await echoed(host)
            assert targets(server) == {"/mcp"}
        assert set(tunnel.asked) == {f"{name}:443"}
        assert scope_of(server) == {("us-east-1", "bedrock-agentcore")}


@pytest.mark.behaviour("PROXY-FOREIGN-URL")
async def test_a_foreign_server_gets_no_signature_unasked(tmp_path: Path):
    """A signature would show a key id and a session token to whoever runs the server."""
    async with aws(tmp_path, "mcp.example.com") as (server, _, env):
        async with proxy(server, target="https://mcp.example.com/mcp", env=env) as host:
            await echoed(host)
        assert all("authorization" not in item.headers for item in server.seen)
        assert all("x-amz-security-token" not in item.headers for item in server.seen)


# TLS and HTTP proxies


@pytest.mark.behaviour("PROXY-TLS")
async def test_an_unknown_certificate_is_refused_before_anything_is_sent(tmp_path: Path):
    async with aws(tmp_path, "mcp.example.com") as (server, _, env):
        env["AWS_CA_BUNDLE"] = None
        async with proxy(server, target="https://mcp.example.com/mcp", env=env) as host:
            answer = await host.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
        assert answer["error"]["data"]["reason"] == "unreachable"
        assert "certificate" in answer["error"]["message"]
        assert "AWS_CA_BUNDLE" in answer["error"]["data"]["hint"]
        assert server.seen == []


@pytest.mark.behaviour("PROXY-TLS")
async def test_a_certificate_for_another_host_is_refused(tmp_path: Path):
    async with aws(tmp_path, "other.example.com") as (server, _, env):
        async with proxy(server, target="https://mcp.example.com/mcp", env=env) as host:
            answer = await host.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
        assert "mcp.example.com" in answer["error"]["message"]
        assert server.seen == []


@pytest.mark.behaviour("PROXY-HTTP-PROXY")
async def test_a_proxy_that_refuses_is_named_and_gets_the_credentials_of_its_url(tmp_path: Path):
    async with aws(tmp_path, "mcp.example.com") as (server, tunnel, env):
        tunnel.refuse = 407
        env["HTTPS_PROXY"] = tunnel.url.replace("//", "//user:s3cret@")
        async with proxy(server, target="https://mcp.example.com/mcp", env=env) as host:
            answer = await host.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
        assert "407" in answer["error"]["message"]
        assert "s3cret" not in str(answer) + host.stderr.decode()
        assert tunnel.credentials[0].startswith("Basic ")


@pytest.mark.behaviour("PROXY-HTTP-PROXY")
async def test_loopback_needs_no_proxy(server: AgentCore):
    async with ForwardProxy(9) as tunnel:
        env = {"HTTP_PROXY": tunnel.url, "HTTPS_PROXY": tunnel.url, "NO_PROXY": None}
        async with proxy(server, env=env) as host:
            await echoed(host)
        assert tunnel.asked == []
