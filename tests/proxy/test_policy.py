"""`--read-only`, `--allow` and `--deny`: what they hide from the list cannot be called either."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.agentcore import AgentCore
from tests.kit.agentcore_tools import TOOLS
from tests.kit.stdio_host import StdioHost, text_of
from tests.proxy.running import proxy

READERS = ["echo", "look"]


async def listed(host: StdioHost) -> list[str]:
    """The names of all tools, page by page."""
    names: list[str] = []
    params: dict[str, Any] | None = None
    while True:
        result = (await host.request("tools/list", params))["result"]
        names += [tool["name"] for tool in result["tools"]]
        if "nextCursor" not in result:
            return names
        params = {"cursor": result["nextCursor"]}


async def refused(host: StdioHost, server: AgentCore, name: str) -> None:
    """The tool cannot be called, and nothing of the attempt reaches it."""
    error = (await host.call(name))["error"]
    assert error["data"] | {"hint": ""} == {"code": "SKY-302", "reason": "policy", "hint": ""}
    assert name in error["message"]
    assert server.runs[name] == 0
    assert all(item.message["params"]["name"] != name for item in server.all("tools/call"))


@pytest.mark.behaviour("PROXY-READ-ONLY")
@pytest.mark.parametrize("page", [1000, 2])
async def test_read_only_shows_and_calls_marked_readers_alone(server: AgentCore, page: int):
    """Also over pages; a tool without annotations, or with a text for a boolean, is no reader."""
    server.page = page
    async with proxy(server, "--read-only") as host:
        await host.initialize()
        assert await listed(host) == READERS
        for name in ("remove", "unmarked", "odd"):
            await refused(host, server, name)
        assert text_of(await host.call("look", {"text": "a"})) == "a"


@pytest.mark.behaviour("PROXY-READ-ONLY")
@pytest.mark.parametrize("page", [1000, 2])
async def test_read_only_holds_without_a_listing(server: AgentCore, page: int):
    server.page = page
    async with proxy(server, "--read-only") as host:
        await host.initialize()
        await refused(host, server, "remove")
        await refused(host, server, "nobody-knows-it")
        assert text_of(await host.call("look", {"text": "a"})) == "a"


@pytest.mark.behaviour("PROXY-READ-ONLY")
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("server_era", ["legacy", "modern"])
async def test_read_only_holds_in_each_pair_of_eras(server: AgentCore, era: str, server_era: Any):
    server.era = server_era
    async with proxy(server, "--read-only") as host:
        if era == "legacy":
            await host.initialize()
            assert await listed(host) == READERS
            await refused(host, server, "remove")
            assert text_of(await host.call("look", {"text": "a"})) == "a"
            return
        await host.discover()
        tools = (await host.request("tools/list", host.modern()))["result"]["tools"]
        assert [tool["name"] for tool in tools] == READERS
        assert (await host.modern_call("remove"))["error"]["data"]["reason"] == "policy"
        assert text_of(await host.modern_call("look", {"text": "a"})) == "a"
    assert server.runs["remove"] == 0


@pytest.mark.behaviour("PROXY-ALLOW-DENY")
async def test_allow_and_deny_take_patterns_and_deny_wins(server: AgentCore):
    async with proxy(server, "--allow", "re*", "--allow", "*o*", "--deny", "l??k") as host:
        await host.initialize()
        names = await listed(host)
        assert names == [name for name in TOOLS if (name.startswith("re") or "o" in name) and name != "look"]
        assert {"remove", "echo", "odd"} <= set(names)
        for name in ("look", "unmarked", "Reset"):
            await refused(host, server, name)
        assert text_of(await host.call("remove", {"text": "gone"})) == "gone"


@pytest.mark.behaviour("PROXY-ALLOW-DENY")
async def test_read_only_and_allow_must_both_hold(server: AgentCore):
    async with proxy(server, "--read-only", "--allow", "echo", "--allow", "remove") as host:
        await host.initialize()
        assert await listed(host) == ["echo"]
        await refused(host, server, "look")
        await refused(host, server, "remove")


@pytest.mark.behaviour("PROXY-ALLOW-DENY")
async def test_without_a_switch_the_list_passes_byte_by_byte(server: AgentCore):
    async with proxy(server) as host:
        await host.initialize()
        assert await listed(host) == list(TOOLS)


@pytest.mark.behaviour("PROXY-READ-ONLY")
async def test_a_list_that_changes_changes_what_may_be_called(server: AgentCore):
    """A tool that stops being a reader can no longer be called once the new list was seen."""
    async with proxy(server, "--read-only") as host:
        await host.initialize()
        assert text_of(await host.call("echo", {"text": "a"})) == "a"
        kept = TOOLS["echo"]
        TOOLS["echo"] = (kept[0], {"readOnlyHint": False})
        try:
            assert await listed(host) == ["look"]
        finally:
            TOOLS["echo"] = kept
        assert (await host.call("echo"))["error"]["data"]["reason"] == "policy"
    assert server.runs["echo"] == 1
