"""The faces in front of each other: what goes through both comes out as it went in."""

import asyncio
import contextlib

import pytest

from skerry.relay.faces.legacy_face import LegacyFace
from skerry.relay.faces.modern_face import Bounds, ModernFace
from skerry.wire import eras
from tests.kit.mcp_servers import LegacyClient, LegacyServer, ModernClient, ModernServer

FORM = {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}
PAGE = {"mode": "url", "message": "Sign in", "url": "https://id.example/sign-in"}
ALL = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
CALL = {"name": "tool", "arguments": {"a": 1}}
ACCEPT = {"action": "accept", "content": {"ok": True}}
QUICK = Bounds(collect=0)


@contextlib.asynccontextmanager
async def closing(face):
    before = asyncio.all_tasks()
    try:
        yield face
    finally:
        await face.close()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - before == set()


@pytest.mark.parametrize("params", [FORM, PAGE])
async def test_a_legacy_client_and_a_legacy_server_with_the_modern_era_between_them(params):
    async def tool(turn):
        await turn.progress(1)
        await turn.log("info", "asking")
        asked = {**params, "elicitationId": "e-1"} if "url" in params else params
        answer = await turn.ask("elicitation/create", asked)
        return {"content": [], "structuredContent": answer}

    server = LegacyServer({"tools/call": tool})

    async def opened():
        return server

    async with closing(LegacyFace(ModernFace(opened, bounds=QUICK))) as face:
        client = LegacyClient(face)
        client.answers["elicitation/create"] = lambda _: ACCEPT
        await client.open(ALL)
        response = await client.send("tools/call", {**CALL, "_meta": {"progressToken": 1}})
        assert response.result["structuredContent"] == ACCEPT
        asked = dict(client.asked[0].params)
        asked.pop("elicitationId", None)
        assert asked == params
        assert client.heard(eras.PROGRESS) == [{"progressToken": 1, "progress": 1}]
        assert client.heard(eras.MESSAGE) == [{"level": "info", "data": "asking"}]
        await client.send("resources/subscribe", {"uri": "a:b"})
        await server.says(eras.UPDATED, {"uri": "a:b"})
        await server.says("notifications/tools/list_changed")
        await client.until(
            lambda: client.got(eras.UPDATED) and client.got("notifications/tools/list_changed")
        )
        await client.send("resources/unsubscribe", {"uri": "a:b"})
        await server.until(lambda: not server.subscribed)
    assert server.broken == []


async def test_a_modern_client_and_a_modern_server_with_the_legacy_era_between_them():
    async def tool(turn):
        if "inputResponses" not in turn.params:
            question = {"method": "elicitation/create", "params": FORM}
            return {
                "resultType": "input_required",
                "inputRequests": {"k": question},
                "requestState": "sealed",
            }
        assert turn.params["requestState"] == "sealed"
        return {
            "resultType": "complete",
            "content": [],
            "structuredContent": turn.params["inputResponses"]["k"],
        }

    server = ModernServer({"tools/call": tool})

    async def opened():
        return LegacyFace(server)

    async with closing(ModernFace(opened, bounds=QUICK)) as face:
        client = ModernClient(face, ALL)
        listening = asyncio.create_task(
            client.send("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["a:b"]}})
        )
        await client.until(lambda: client.seen)
        first = await client.send("tools/call", CALL)
        ((key, question),) = first.result["inputRequests"].items()
        assert question == {"method": "elicitation/create", "params": FORM}
        again = {**CALL, "inputResponses": {key: ACCEPT}, "requestState": first.result["requestState"]}
        assert (await client.send("tools/call", again)).result["structuredContent"] == ACCEPT
        server.changed(eras.UPDATED, uri="a:b")
        await client.until(lambda: client.heard(eras.UPDATED))
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
    assert server.broken == []
