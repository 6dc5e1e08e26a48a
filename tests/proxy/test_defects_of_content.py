"""What proxies of this kind get wrong, 8 to 15: what does not pass, what is changed, who asks, throttling.

See `test_defects`.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit.agentcore import KEY_ID, SECRET, AgentCore
from tests.kit.stdio_host import text_of
from tests.proxy.running import proxy

MEGABYTE = 1_000_000

# 8 Both directions at once


@pytest.mark.behaviour("PROXY-PROGRESS")
async def test_defect_p08_progress_arrives_when_it_is_sent(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        call = await host.begin_call("steps", {"n": 3}, meta={"progressToken": "token"})
        for step in (1, 2, 3):
            # The server sends the next step only after this one has arrived.
            heard = await host.hears("notifications/progress", step)
            assert heard["params"] == {"progressToken": "token", "progress": step, "total": 3}
            assert not call.done()
            server.gate(f"step{step}").set()
        assert text_of(await host.wait(call)) == "done"


@pytest.mark.behaviour("PROXY-NOTIFICATIONS")
async def test_defect_p08_log_messages_and_list_changes_pass(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        assert text_of(await host.call("notify")) == "done"
        assert (await host.hears("notifications/message"))["params"]["data"] == "from the call"
        await host.hears("notifications/tools/list_changed")


@pytest.mark.behaviour("PROXY-CANCEL")
async def test_defect_p08_cancel_reaches_the_server_during_the_call(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        await host.begin_call("wait", identifier=777)
        await server.saw("tools/call")
        await host.notify("notifications/cancelled", {"requestId": 777, "reason": "enough"})
        told = await server.saw("notifications/cancelled")
        assert told.message["params"]["requestId"] == server.all("tools/call")[0].message["id"]
        assert told.message["params"]["reason"] == "enough"
        assert text_of(await host.call("echo", {"text": "after"})) == "after"
        server.gate("gate").set()


@pytest.mark.behaviour("PROXY-NOTIFICATIONS")
async def test_defect_p08_notifications_of_the_client_pass(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize({"roots": {"listChanged": True}})
        await host.notify("notifications/roots/list_changed")
        await server.saw("notifications/roots/list_changed")


# 9 The server asks the client

SAMPLING = {
    "method": "sampling/createMessage",
    "params": {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}], "maxTokens": 9},
}
FORM = {
    "method": "elicitation/create",
    "params": {
        "message": "name?",
        "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
}


@pytest.mark.behaviour("PROXY-ASK")
@pytest.mark.parametrize(
    ("question", "capability", "expected"),
    [
        (
            SAMPLING,
            {"sampling": {}},
            {"role": "assistant", "content": {"type": "text", "text": "re: hi"}, "model": "m"},
        ),
        (FORM, {"elicitation": {}}, {"action": "accept", "content": {"name": "bob"}}),
        (
            {"method": "roots/list"},
            {"roots": {}},
            {"roots": [{"uri": "file:///srv/project", "name": "project"}]},
        ),
    ],
    ids=["sampling", "elicitation", "roots"],
)
async def test_defect_p09_a_question_of_the_server_is_answered_during_the_call(
    server: AgentCore, question: dict[str, Any], capability: dict[str, Any], expected: dict[str, Any]
):
    async with proxy(server) as host:
        await host.initialize(capability)
        answer = await host.call("ask", {"rounds": [[question]]})
        assert json.loads(text_of(answer) or "") == [[expected]]
        assert [item["method"] for item in host.requests] == [question["method"]]


@pytest.mark.behaviour("PROXY-ASK")
async def test_defect_p09_a_question_may_carry_the_id_of_the_call(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize({"sampling": {}})
        answer = await host.call("ask", {"rounds": [[SAMPLING]], "same_id": True}, identifier=4711)
        assert "re: hi" in (text_of(answer) or "")


@pytest.mark.behaviour("PROXY-ASK")
async def test_defect_p09_two_questions_at_once_get_their_own_answers(server: AgentCore):
    other = json.loads(json.dumps(SAMPLING).replace('"hi"', '"ho"'))
    async with proxy(server) as host:
        host.on_request = lambda _: None
        await host.initialize({"sampling": {}})
        call = await host.begin_call("ask", {"rounds": [[SAMPLING, other]]})
        await host.asked(2)
        for asked in reversed(host.requests):
            text = asked["params"]["messages"][0]["content"]["text"]
            await host.respond(asked, {"said": text})
        assert json.loads(text_of(await host.wait(call)) or "") == [[{"said": "hi"}, {"said": "ho"}]]


# 10 Large messages


@pytest.mark.behaviour("PROXY-LARGE")
async def test_defect_p10_20_megabytes_pass_both_ways(server: AgentCore):
    async with proxy(server, within=20) as host:
        await host.initialize()
        assert len(text_of(await host.call("big", {"n": 20 * MEGABYTE})) or "") == 20 * MEGABYTE
        answer = await host.call("echo", {"text": "y" * 20 * MEGABYTE, "form": "json"})
        assert len(text_of(answer) or "") == 20 * MEGABYTE


@pytest.mark.behaviour("PROXY-LARGE")
async def test_defect_p10_a_stream_is_read_in_linear_time(server: AgentCore):
    """4 MB in one event took a quadratic reader more than seven seconds, and one that is linear 0.1."""
    async with proxy(server, within=4) as host:
        await host.initialize()
        assert len(text_of(await host.call("big", {"n": 4 * MEGABYTE})) or "") == 4 * MEGABYTE


# 11 Errors stay what they are


@pytest.mark.behaviour("PROXY-SERVER-ERRORS")
@pytest.mark.parametrize("code", [-32050, -32601, -32603, -32042, -32000, 7])
async def test_defect_p11_an_error_of_the_server_is_passed_on_unchanged(server: AgentCore, code: int):
    async with proxy(server) as host:
        await host.initialize()
        answer = await host.call("rpc", {"code": code, "message": "its own words", "data": {"k": [1]}})
        assert answer["error"] == {"code": code, "message": "its own words", "data": {"k": [1]}}
    assert server.runs["rpc"] == 1


@pytest.mark.behaviour("PROXY-DENIED")
async def test_defect_p11_403_says_access_denied_and_shows_no_headers(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        text = json.dumps((await host.call("status", {"status": 403}))["error"])
        assert "AccessDenied" in text
        assert "expired" not in text
        assert "x-amzn" not in text.lower()
        assert "content-type" not in text.lower()


# 12 Lines of JSON in UTF-8


@pytest.mark.behaviour("PROXY-STDOUT")
@pytest.mark.parametrize("form", ["pretty", "json", "sse"])
async def test_defect_p12_a_pretty_printed_body_leaves_as_one_line(server: AgentCore, form: str):
    async with proxy(server) as host:
        await host.initialize()
        assert text_of(await host.call("echo", {"text": "a\nb", "form": form})) == "a\nb"


@pytest.mark.behaviour("PROXY-JUNK")
async def test_defect_p12_junk_on_stdin_stays_out_and_harms_nobody(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        await server.saw("notifications/initialized")
        before = [item.method for item in server.seen if not item.method.startswith("<")]
        await host.write(
            b'{not json}\n[]\n42\n\n\r\n\xff\xfe\n{"jsonrpc":"1.0","id":5,"method":"x"}\n{"jsonrpc":"2.0"}\n'
        )
        assert text_of(await host.call("echo", {"text": "alive"})) == "alive"
        after = [item.method for item in server.seen if not item.method.startswith("<")]
        assert after == [*before, "tools/call"]
        # What could be read of it was answered with an error, and with nothing else.
        assert all(item["error"]["code"] in (-32700, -32600) for item in host.unmatched), host.unmatched
        host.unmatched.clear()


@pytest.mark.behaviour("PROXY-STDOUT")
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
async def test_defect_p12_stdio_is_utf8_under_any_console_encoding(server: AgentCore, encoding: str):
    async with proxy(server, env={"PYTHONIOENCODING": encoding, "LC_ALL": "C"}) as host:
        await host.initialize()
        call = await host.begin_call("echo", {"text": "first"}, identifier=1_000)
        assert text_of(await host.wait(call)) == "first"
        params = {"name": "echo", "arguments": {"text": "é☃😀"}}
        message = {"jsonrpc": "2.0", "id": 1_001, "method": "tools/call", "params": params}
        future = host.expect(1_001)
        await host.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
        assert text_of(await host.wait(future)) == "é☃😀"


# 13 Ids are the client's


@pytest.mark.behaviour("PROXY-IDS")
async def test_defect_p13_ids_return_unchanged(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        for identifier in ("a-b", 0, 2**53 + 1, -1, "", "é", "1", 1, 1.0):
            if isinstance(identifier, float):
                continue  # no id: MCP knows strings and integers
            answer = await host.call("echo", {"text": "x"}, identifier=identifier)
            assert answer["id"] == identifier
            assert type(answer["id"]) is type(identifier)


@pytest.mark.behaviour("PROXY-IDS")
async def test_defect_p13_the_ids_1_and_text_1_in_flight_together_get_their_own_answers(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        number = await host.begin_call("wait", identifier=1001)
        await server.saw("tools/call")
        assert text_of(await host.call("echo", {"text": "text"}, identifier="1001")) == "text"
        server.gate("gate").set()
        assert text_of(await host.wait(number)) == "waited"


# 14 Credentials

ROLE = "arn:aws:iam::123456789012:role/caller"


@pytest.mark.behaviour("PROXY-ROLE")
@pytest.mark.parametrize("by", ["flag", "variable", "profile"])
async def test_defect_p14_twenty_calls_under_an_assumed_role_ask_sts_once(
    server: AgentCore, by: str, tmp_path: Path
):
    server.auth = "sigv4"
    del server.keys[KEY_ID]  # only the role may call
    config = tmp_path / "config"
    config.write_text(
        f"[profile base]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\nregion = us-east-1\n"
        f"[profile assumed]\nrole_arn = {ROLE}\nsource_profile = base\nregion = us-east-1\n"
    )
    flags = ("--role-arn", ROLE) if by == "flag" else ()
    env: dict[str, str | None] = {"AGENTCORE_ASSUME_ROLE_ARN": ROLE} if by == "variable" else {}
    if by == "profile":
        env = {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "assumed"}
        env |= {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    async with proxy(server, *flags, env=env) as host:
        await host.initialize()
        for _ in range(5):
            calls = [await host.begin_call("echo", {"text": "a"}) for _ in range(4)]
            assert [text_of(await host.wait(call)) for call in calls] == ["a"] * 4
    assert [form["Action"] for form in server.sts] == ["AssumeRole"]


def keep(file: Path, key: str) -> None:
    """Writes a credentials file, as `aws configure` or a login helper does."""
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n")


FILES = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@pytest.mark.behaviour("PROXY-NEW-CREDENTIALS")
async def test_defect_p14_new_credentials_on_disk_are_used_after_an_expiry(server: AgentCore, tmp_path: Path):
    old, new = "AKIAOLDOLDOLDOLDOLDO", "AKIANEWNEWNEWNEWNEWN"
    file = tmp_path / "credentials"
    keep(file, old)
    server.auth, server.keys = "sigv4", {old: SECRET, new: SECRET}
    async with proxy(server, env={**FILES, "AWS_SHARED_CREDENTIALS_FILE": str(file)}) as host:
        await host.initialize()
        assert text_of(await host.call("unmarked", {"text": "old"})) == "old"
        server.expired.add(old)
        failed = await host.call("unmarked", {"text": "too late"})
        assert "expired" in failed["error"]["message"]
        keep(file, new)
        # A refusal is believed for a moment, so that a host that insists asks no login helper each time.
        async with asyncio.timeout(10):
            while text_of(await host.call("unmarked", {"text": "new"})) != "new":
                await asyncio.sleep(0.2)
    assert server.runs["unmarked"] == 2


@pytest.mark.behaviour("PROXY-NEW-CREDENTIALS")
async def test_defect_p14_a_call_that_meets_the_expiry_uses_what_is_new_on_disk(
    server: AgentCore, tmp_path: Path
):
    old, new = "AKIAOLDOLDOLDOLDOLDO", "AKIANEWNEWNEWNEWNEWN"
    file = tmp_path / "credentials"
    keep(file, old)
    server.auth, server.keys = "sigv4", {old: SECRET, new: SECRET}
    async with proxy(server, env={**FILES, "AWS_SHARED_CREDENTIALS_FILE": str(file)}) as host:
        await host.initialize()
        keep(file, new)
        server.expired.add(old)
        assert text_of(await host.call("unmarked", {"text": "new"})) == "new"
    assert server.runs["unmarked"] == 1


# 15 Throttling


@pytest.mark.behaviour("PROXY-RETRY")
async def test_defect_p15_one_429_is_tried_again_after_a_pause(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        assert text_of(await host.call("status", {"status": 429, "times": 1})) == "recovered"
        first, second = server.all("tools/call")
        assert second.request.at - first.request.at > 0.02
