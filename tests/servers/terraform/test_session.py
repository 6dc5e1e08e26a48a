"""Sessions over the wire: context, preferences, and the Terraform token that no model sees."""

import asyncio
import contextlib
import logging

import pytest
from fastmcp.exceptions import ToolError

from skerry.wire.hop import decode
from tests.kit.terraform_standin import OTHER_TOKEN, TOKEN
from tests.servers.terraform.conftest import SESSION
from tests.servers.terraform.test_reading import ACME, ERAS

OTHER = "another-session-that-is-at-least-33-long"
CONTEXT = {
    "X-Client-Region": "eu-west-1",
    "X-Client-Agent": "TFC-Agent",
    "X-Client-Timestamp": "1705000000.0",
    "X-Client-Preferences": '{"auto_format":true,"show_raw":false}',
}


@pytest.fixture
def empty(serving):
    """A server with no token of its own and nothing in its sessions."""
    with serving(token="", stateful=True) as base:
        yield base


@pytest.mark.behaviour("TF-CONTEXT")
@pytest.mark.parametrize("mode", ERAS)
async def test_all_of_the_context_reaches_the_server_and_its_state(empty, ask, mode):
    first = await ask("session_info", url=empty, mode=mode, headers=CONTEXT)
    assert first["context"] == {
        "session_id": SESSION,
        "region": "eu-west-1",
        "agent_name": "TFC-Agent",
        "timestamp": 1705000000.0,
        "user_preferences": {"auto_format": True, "show_raw": False},
    }
    assert (first["session"], first["keeps_state"], first["previous_context"]) == (SESSION, True, None)
    assert first["terraform_token"] == "none"
    second = await ask("session_info", url=empty, mode=mode, headers={"X-Client-Region": "us-west-2"})
    assert second["previous_context"] == first["context"]
    assert (second["context"]["region"], second["context"]["agent_name"]) == ("us-west-2", "unknown")
    assert second["context"]["user_preferences"] == {}
    assert second["context"]["timestamp"] > 1705000000.0
    assert second["principal"] == first["principal"]
    assert "ada" not in first["principal"]


@pytest.mark.behaviour("TF-CONTEXT")
@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Client-Timestamp", "yesterday"), ("X-Client-Preferences", "[1]"), ("X-Client-Preferences", "{"),
     ("X-Client-Region", "r" * 65), ("X-Session-ID", "s" * 257), ("X-Client-Agent", "=?base64?!!?="),
     ("X-Client-Preferences", '{"a":' * 20 + "1" + "}" * 20)],
)  # fmt: skip
async def test_a_hostile_context_is_refused_in_words(url, ask, name, value):
    with pytest.raises(ToolError, match=r"header|client_context|nested"):
        await ask("session_info", headers={name: value}, session="")


@pytest.mark.behaviour("TF-ISOLATION")
async def test_preferences_are_of_one_session_of_one_caller(empty, ask, user_token):
    assert await ask("set_preferences", {"organization": "acme"}, url=empty) == {
        "organization": "acme",
        "project": "",
    }
    assert await ask("set_preferences", {"project": "prj-abc"}, url=empty) == {
        "organization": "acme", "project": "prj-abc",
    }  # fmt: skip
    eve = user_token(subject="eve")
    nothing = {"organization": "", "project": ""}
    for more in ({"session": OTHER}, {"token": eve}, {"session": ""}, {"session": "", "token": eve}):
        assert await ask("get_preferences", url=empty, **more) == nothing
    assert await ask("get_preferences", url=empty) == {"organization": "acme", "project": "prj-abc"}
    assert await ask("set_preferences", {"project": ""}, url=empty) == {"organization": "acme", "project": ""}


@pytest.mark.behaviour("TF-NO-SESSION")
async def test_without_a_session_id_nothing_is_kept(empty, ask, door):
    info = await ask("session_info", url=empty, session="")
    assert (info["keeps_state"], info["session"]) == (False, "")
    with pytest.raises(ToolError, match=r"names no session.*X-Session-ID"):
        await ask("set_preferences", {"organization": "acme"}, url=empty, session="")
    answer = door("PUT", {"token": TOKEN}, session="", base=empty)
    assert (answer.status_code, answer.json()["error"]) == (400, "no_session")


@pytest.mark.behaviour("TF-NO-SESSION")
async def test_the_platforms_session_id_means_nothing(empty, ask):
    """Two MCP sessions with one X-Session-ID share state; one MCP session with another one does not."""
    await ask("set_preferences", {"organization": "acme"}, url=empty, mode="legacy")
    assert (await ask("get_preferences", url=empty, mode="legacy"))["organization"] == "acme"
    platform = {"Mcp-Session-Id": SESSION}
    assert (await ask("get_preferences", url=empty, session="", headers=platform))["organization"] == ""


@pytest.mark.behaviour("TF-DEFAULTS")
async def test_defaults_are_used_where_a_tool_is_not_told(empty, ask, door):
    assert door("PUT", {"token": TOKEN}, base=empty).status_code == 204
    await ask("set_preferences", {"organization": "acme"}, url=empty)
    assert (await ask("list_workspaces", url=empty))["count"] == 4
    (shop,) = (await ask("list_terraform_projects", {"search": "shop"}, url=empty))["projects"]
    await ask("set_preferences", {"project": shop["id"]}, url=empty)
    assert (await ask("list_workspaces", url=empty))["count"] == 2
    assert (await ask("list_workspaces", ACME, url=empty))["count"] == 2
    with pytest.raises(ToolError, match="not found"):  # the default project is of the default organization
        await ask("list_workspaces", {"terraform_org_name": "globex"}, url=empty)
    await ask("create_workspace", {"workspace_name": "fresh"}, url=empty)
    assert (await ask("get_workspace_details", {"workspace_name": "fresh"}, url=empty))["project_id"] == shop[
        "id"
    ]
    await ask("set_preferences", {"organization": "", "project": ""}, url=empty)
    with pytest.raises(ToolError, match=r"Which organization\?"):
        await ask("list_workspaces", url=empty)


@pytest.mark.behaviour("TF-TOKEN")
async def test_a_token_is_given_past_the_model_and_never_shown(empty, ask, door, caplog, capfd):
    with pytest.raises(
        ToolError, match=r"no Terraform token.*PUT /session/terraform-token.*never put one into"
    ):
        await ask("list_workspaces", ACME, url=empty)
    with caplog.at_level(logging.DEBUG):
        assert door("GET", base=empty).json() == {"stored": False}
        stored = door("PUT", {"token": TOKEN}, base=empty)
        assert (stored.status_code, stored.content) == (204, b"")
        assert stored.headers["cache-control"] == "no-store"
        assert door("GET", base=empty).json() == {"stored": True}
        assert (await ask("list_workspaces", ACME, url=empty))["count"] == 4
        info = await ask("session_info", url=empty)
    assert info["terraform_token"] == "session"
    said = "".join(record.getMessage() for record in caplog.records) + "".join(capfd.readouterr())
    assert TOKEN not in said + str(info)
    assert door("DELETE", base=empty).status_code == 204
    with pytest.raises(ToolError, match="no Terraform token"):
        await ask("list_workspaces", ACME, url=empty)


@pytest.mark.behaviour("TF-TOKEN")
async def test_the_sessions_token_goes_before_the_deployments(url, ask, door, standin, user_token):
    sandbox = {**ACME, "workspace_name": "sandbox"}
    eve, session = user_token(subject="eve"), "session-of-eve-with-a-token-of-her-own"
    assert door("PUT", {"token": OTHER_TOKEN}, token=eve, session=session).status_code == 204
    await ask("lock_workspace", sandbox, token=eve, session=session)
    assert (await ask("get_workspace_details", sandbox))["locked_by"] == "user-eve"
    info = await ask("session_info", token=eve, session=session)
    assert info["terraform_token"] == "session"
    assert (await ask("session_info", session=session))["terraform_token"] == "deployment"


@pytest.mark.behaviour("TF-TOKEN-DOOR")
def test_the_door_wants_to_know_who_asks(door, user_token, idp):
    for token in ("", "garbage", user_token(audiences=("accounts",)), user_token(lifetime=-3600)):
        for method in ("PUT", "GET", "DELETE"):
            answer = door(method, {"token": TOKEN}, token=token)
            assert answer.status_code == 401
            assert "www-authenticate" in answer.headers
            assert TOKEN not in answer.text
    assert door("POST", {"token": TOKEN}).status_code == 405


@pytest.mark.behaviour("TF-TOKEN-DOOR")
@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"token": ""}, {"token": 7}, {"token": "short"}, {"token": "with a blank in it"},
     {"token": "with\na line"}, {"token": "x" * 1025}, {"token": TOKEN, "address": "https://evil.example.com"},
     {"token": "ünprintable-token"}],
)  # fmt: skip
def test_the_door_takes_a_token_and_nothing_else(door, body):
    answer = door("PUT", body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert TOKEN not in answer.text
    assert "x" * 20 not in answer.text


def test_the_door_reads_no_more_than_it_must(door):
    assert door("PUT", {"token": "x" * 5000}).status_code == 413
    assert door("PUT", {"token": TOKEN}, headers={"X-Client-Timestamp": "never"}).status_code == 400


@pytest.mark.behaviour("TF-ISOLATION")
async def test_two_callers_at_once_act_with_their_own_tokens(empty, ask, door, user_token, standin):
    tokens = {"ada": (user_token(), TOKEN, SESSION), "eve": (user_token(subject="eve"), OTHER_TOKEN, SESSION)}
    for token, terraform, session in tokens.values():
        assert door("PUT", {"token": terraform}, token=token, session=session, base=empty).status_code == 204
        await ask("set_preferences", {"organization": "acme"}, url=empty, token=token, session=session)

    async def work(name, number):
        token, _, session = tokens[name]
        more = {"url": empty, "token": token, "session": session}
        workspace = f"{name}-{number}"
        await ask("create_workspace", {"workspace_name": workspace}, **more)
        await ask("lock_workspace", {"workspace_name": workspace}, **more)
        found = await ask("get_workspace_details", {"workspace_name": workspace}, **more)
        assert found["locked_by"] == f"user-{name}"
        return workspace

    made = await asyncio.gather(*(work(name, number) for number in range(3) for name in tokens))
    held = {
        found.name: found.locked_by for found in standin.standin.estate.workspaces.values() if found.locked_by
    }
    assert held == {name: f"user-{name.partition('-')[0]}" for name in made}


async def test_a_call_leaves_one_hop_without_secrets(url, ask, caplog, idp):
    with caplog.at_level(logging.INFO, "skerry.hop"):
        await ask("list_workspaces", ACME, headers=CONTEXT)
    hops = [decode(record.getMessage()) for record in caplog.records if record.name == "skerry.hop"]
    (hop,) = [hop for hop in hops if hop and hop.part == "terraform"]
    assert (hop.operation, hop.session, hop.status) == ("tools/call list_workspaces", SESSION, 200)
    assert hop.identity == f"ada@{idp.issuers['desk']}"
    assert hop.detail == {"region": "eu-west-1", "agent": "TFC-Agent"}
    assert TOKEN not in str(hop)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"lifetime": -3600}, "Token has expired"), ({"audiences": ("accounts",)}, "'aud'")],
)
async def test_a_token_for_somebody_else_is_refused(url, ask, user_token, changes, says):
    with pytest.raises(ToolError, match=says):
        await ask("session_info", token=user_token(**changes))


@pytest.mark.behaviour("TF-STRANDS")
def test_strands_agents_list_and_call_the_tools(url, user_token):
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client
    from strands.tools.mcp import MCPClient

    headers = {"Authorization": f"Bearer {user_token()}", "X-Session-ID": SESSION}

    @contextlib.asynccontextmanager
    async def transport():
        async with (
            create_mcp_http_client(headers=headers) as http,
            streamable_http_client(f"{url}/mcp", http_client=http) as pair,
        ):
            yield pair

    with MCPClient(transport) as agent:
        names = {tool.tool_name for tool in agent.list_tools_sync()}
        assert {"list_workspaces", "create_workspace"} <= names
        result = agent.call_tool_sync("1", "list_workspaces", ACME)
    assert result["status"] == "success"
    assert "network-prod" in str(result["content"])


@pytest.mark.behaviour("TF-STATE")
async def test_a_store_that_is_gone_is_told_before_anything_is_done(serving, ask, standin):
    import socket

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        state = f"redis://:hush@127.0.0.1:{nobody.getsockname()[1]}/0"
        with serving(state=state, state_key=("k" * 40,), stateful=True) as base:
            with pytest.raises(ToolError, match="store of session state does not answer") as caught:
                await ask("create_workspace", {**ACME, "workspace_name": "fresh"}, url=base)
            found = await ask("list_workspaces", ACME, url=base, session="")
    assert "hush" not in str(caught.value)
    assert "fresh" not in {item["name"] for item in found["workspaces"]}
