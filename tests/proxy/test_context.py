"""What every request tells of where it comes from: client context and runtime session."""

from __future__ import annotations

import json
import time

import pytest

from skerry.wire.context import ClientContext
from tests.kit.agentcore import KEY_ID, RUNTIME_SESSION, SECRET, AgentCore, Seen
from tests.kit.stdio_host import StdioHost
from tests.proxy.running import proxy

UNSIGNED = ("x-session-id", "x-client-region", "x-client-agent", "x-client-timestamp", "x-client-preferences")


async def conversation(host: StdioHost) -> None:
    await host.initialize()
    await host.request("tools/list")
    await host.call("echo", {"text": "a"})


def messages(server: AgentCore) -> list[Seen]:
    return [item for item in server.seen if not item.method.startswith("<")]


def signed(item: Seen) -> set[str]:
    found = item.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    return set(found.split(";"))


@pytest.mark.behaviour("PROXY-CONTEXT")
async def test_the_client_context_travels_unsigned_with_every_request(server: AgentCore):
    server.auth = "sigv4"
    async with proxy(server, "--context", "theme=dark", "--context", "language=de") as host:
        await conversation(host)
    for item in messages(server):
        assert signed(item).isdisjoint(UNSIGNED)
        context = ClientContext.from_headers(item.headers, now=0.0)
        assert context.session_id == item.headers[RUNTIME_SESSION]
        assert context.region == "us-east-1"
        assert abs(context.timestamp - time.time()) < 60
        assert context.user_preferences == {"theme": "dark", "language": "de"}


@pytest.mark.behaviour("PROXY-CONTEXT")
async def test_the_agent_is_the_hosts_own_name(server: AgentCore):
    async with proxy(server) as host:
        host.info["name"] = "Éditeur"
        await conversation(host)
    names = {ClientContext.from_headers(item.headers, now=0.0).agent_name for item in messages(server)}
    assert names == {"Éditeur"}


@pytest.mark.behaviour("PROXY-CONTEXT")
async def test_a_given_agent_and_region_win(server: AgentCore):
    async with proxy(server, "--context", "agent=desk", "--context", "region=eu-west-1") as host:
        await conversation(host)
    found = {(item.headers["x-client-agent"], item.headers["x-client-region"]) for item in messages(server)}
    assert found == {("desk", "eu-west-1")}


@pytest.mark.behaviour("PROXY-CONTEXT")
async def test_a_modern_host_is_named_in_each_request(server: AgentCore):
    server.era = "modern"
    async with proxy(server) as host:
        await host.discover()
        await host.modern_call("echo", {"text": "a"})
    names = {item.headers["x-client-agent"] for item in messages(server)}
    assert names == {"host-under-test"}


@pytest.mark.behaviour("PROXY-CONTEXT")
@pytest.mark.parametrize("word", ["novalue", "=x", "a=" + "x" * 5000, "a=b\nc: d"])
async def test_context_that_cannot_be_sent_is_refused_at_once(server: AgentCore, word: str):
    async with proxy(server, "--context", word) as host:
        if "\n" in word:
            await conversation(host)  # JSON escapes it
            assert json.loads(messages(server)[0].headers["x-client-preferences"]) == {"a": "b\nc: d"}
            return
        assert await host.exit_code() == 2
    assert b"--context" in host.stderr


# The session of the runtime


def sessions(server: AgentCore) -> list[str]:
    return [item.headers[RUNTIME_SESSION] for item in messages(server)]


@pytest.mark.behaviour("PROXY-SESSION-MODE")
@pytest.mark.parametrize("by", ["default", "flag", "variable"])
async def test_mode_session_is_one_session_for_the_life_of_the_proxy(server: AgentCore, by: str):
    flags = ("--session-mode", "session") if by == "flag" else ()
    env: dict[str, str | None] = {"RUNTIME_SESSION_MODE": "session"} if by == "variable" else {}
    for _ in range(2):
        async with proxy(server, *flags, env=env) as host:
            await conversation(host)
    found = sessions(server)
    assert len(set(found)) == 2
    assert all(33 <= len(identifier) <= 100 for identifier in found)


@pytest.mark.behaviour("PROXY-SESSION-MODE")
async def test_mode_identity_is_one_session_for_each_identity(server: AgentCore):
    env: dict[str, str | None] = {"RUNTIME_SESSION_MODE": "identity"}
    for _ in range(2):
        async with proxy(server, env=env) as host:
            await conversation(host)
    found = set(sessions(server))
    assert len(found) == 1
    assert 33 <= len(found.pop()) <= 100
    assert [form["Action"] for form in server.sts] == ["GetCallerIdentity"] * 2
    # Nobody can read the identity out of it.
    assert "123456789012" not in str(sessions(server))
    server.caller = "arn:aws:sts::123456789012:assumed-role/other/name"
    async with proxy(server, env=env) as host:
        await conversation(host)
    assert len(set(sessions(server))) == 2


@pytest.mark.behaviour("PROXY-SESSION-MODE")
async def test_an_identity_that_cannot_be_found_out_is_the_answer_and_not_the_end(server: AgentCore):
    nobody = {"RUNTIME_SESSION_MODE": "identity", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}
    async with proxy(server, env=nobody) as host:
        for _ in range(2):
            answer = await host.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
            assert "STS does not answer" in answer["error"]["message"]
            assert answer["error"]["data"]["code"] == "SKY-108"
    assert sessions(server) == []


@pytest.mark.behaviour("PROXY-SESSION-MODE")
async def test_mode_request_is_a_new_session_each_time(server: AgentCore):
    server.sessions = False
    env: dict[str, str | None] = {"RUNTIME_SESSION_MODE": "session"}
    async with proxy(server, "--session-mode", "request", env=env) as host:
        await conversation(host)
    found = sessions(server)
    assert len(set(found)) == len(found) >= 3


@pytest.mark.behaviour("PROXY-SESSION-MODE")
async def test_an_unknown_mode_is_refused_with_the_known_ones(server: AgentCore):
    async with proxy(server, env={"RUNTIME_SESSION_MODE": "forever"}) as host:
        assert await host.exit_code() == 2
    assert b"identity" in host.stderr


@pytest.mark.behaviour("PROXY-ENVIRONMENT")
@pytest.mark.parametrize("by", ["flag", "variable"])
async def test_the_role_and_its_session_name_come_from_flags_and_environment(server: AgentCore, by: str):
    role = "arn:aws:iam::123456789012:role/caller"
    server.auth = "sigv4"
    del server.keys[KEY_ID]
    flags: tuple[str, ...] = ()
    env: dict[str, str | None] = {
        "AGENTCORE_ASSUME_ROLE_ARN": "arn:aws:iam::123456789012:role/other" if by == "flag" else role,
        "AGENTCORE_ASSUME_ROLE_SESSION_NAME": "other" if by == "flag" else "my-session",
    }
    if by == "flag":
        flags = ("--role-arn", role, "--role-session-name", "my-session")
    async with proxy(server, *flags, env=env) as host:
        await conversation(host)
    (form,) = server.sts
    assert (form["RoleArn"], form["RoleSessionName"]) == (role, "my-session")
    assert all(item.headers["x-amz-security-token"] == "token" for item in messages(server))


@pytest.mark.behaviour("PROXY-SIGNED")
async def test_every_request_holds_a_signature_that_verifies(server: AgentCore):
    server.auth = "sigv4"
    async with proxy(server, env={"AWS_SESSION_TOKEN": "a+token/="}) as host:
        await conversation(host)
        await host.call("echo", {"text": "é☃😀 " * 1000})
    assert all(item.headers["x-amz-security-token"] == "a+token/=" for item in server.seen)
    assert server.keys == {KEY_ID: SECRET}
    assert {"host", "x-amz-date", "x-amz-security-token"} <= signed(server.seen[0])
