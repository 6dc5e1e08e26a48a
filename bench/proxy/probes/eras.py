"""Hosts and servers of the two protocol eras, in each combination."""

from __future__ import annotations

import asyncio
import json

from bench.proxy.figures import brief
from bench.proxy.probes.bench import Bench, Json, ask, probe, ready
from bench.proxy.probing import Outcome, judge
from bench.proxy.servers import get_json, server
from bench.proxy.stdio import META, StdioClient, answer_question, text_of

CAPABILITIES: Json = {"sampling": {}, "elicitation": {}}


async def rounds(client: StdioClient, tool: str) -> tuple[Json, list[str]]:
    """Calls a tool as a modern client and answers its questions; the last answer, and what was asked."""
    params: Json = {"name": tool, "arguments": {}}
    asked: list[str] = []
    extra: Json = {}
    for _ in range(4):
        message = await client.modern("tools/call", params | extra, CAPABILITIES)
        members = message.get("result") or {}
        if members.get("resultType") != "input_required":
            return message, asked
        questions = members.get("inputRequests") or {}
        asked += [question["method"] for question in questions.values()]
        extra = {"inputResponses": {key: answer_question(each) for key, each in questions.items()}}
        if "requestState" in members:
            extra["requestState"] = members["requestState"]
    return message, asked


async def opening(client: StdioClient) -> tuple[Json, Json, Json]:
    """What server/discover, tools/list and a call of echo give a modern client."""
    discover = await client.modern("server/discover", None, CAPABILITIES)
    tools = await client.modern("tools/list", None, CAPABILITIES)
    echo = await client.modern("tools/call", {"name": "echo", "arguments": {"text": "hello"}}, CAPABILITIES)
    return discover, tools, echo


def opened(discover: Json, tools: Json, echo: Json) -> dict[str, bool]:
    found, listed, said = (message.get("result") or {} for message in (discover, tools, echo))
    return {
        "discover": "2026-07-28" in found.get("supportedVersions", ()),
        "list_complete": bool(listed.get("tools")) and listed.get("resultType") == "complete",
        "cache_hints": "ttlMs" in listed and "cacheScope" in listed,
        "call_complete": text_of(echo) == "hello" and said.get("resultType") == "complete",
    }


@probe(
    "modern_host", "A 2026-07-28 host works with a 2026-07-28 server: input_required rounds, cancel as close."
)
async def modern_host(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_2026"):
        return skipped
    with server("modern") as port:
        async with bench.open("with_2026", port=port) as client:
            messages = await opening(client)
            asked = await rounds(client, "ask")
            thought = await rounds(client, "think")
            slow = asyncio.ensure_future(
                client.modern("tools/call", {"name": "slow", "arguments": {"seconds": 5}})
            )
            await asyncio.sleep(0.4)
            number = next(client.ids) - 1
            cancel = {"method": "notifications/cancelled", "params": {"requestId": number}}
            await client.send({"jsonrpc": "2.0", **cancel})
            await asyncio.sleep(0.5)
            slow.cancel()
            stats = get_json(port, "/__stats")
    facts = {"ask": brief(asked), "think": brief(thought), "stats": stats}
    return judge(
        facts,
        **opened(*messages),
        elicitation="bob" in (text_of(asked[0]) or ""),
        sampling="re: hi" in (text_of(thought[0]) or ""),
        cancel_closes=stats["cancelled"] == 1,
        headers_right=stats["mismatches"] == 0,
        no_session_id=stats["sessions"] == 0,
        no_foreign_method="ping" not in stats["methods"],
    )


@probe(
    "modern_host_legacy_server", "A 2026-07-28 host works with a legacy server: its questions become rounds."
)
async def modern_host_legacy_server(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_2026"):
        return skipped
    async with bench.open("with_2026") as client:
        messages = await opening(client)
        asked = await rounds(client, "elicit")
        thought = await rounds(client, "sample")
    facts = {"opening": [brief(m, 120) for m in messages], "elicit": brief(asked), "sample": brief(thought)}
    return judge(
        facts,
        **opened(*messages),
        elicitation="answered" in (text_of(asked[0]) or "") and asked[1] == ["elicitation/create"],
        sampling="re: hi" in (text_of(thought[0]) or "") and thought[1] == ["sampling/createMessage"],
        complete=(asked[0].get("result") or {}).get("resultType") == "complete",
        no_server_request=not client.server_requests,
    )


@probe("legacy_host_modern_server", "A legacy host works with a 2026-07-28 server: rounds become questions.")
async def legacy_host_modern_server(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_2026"):
        return skipped
    with server("modern") as port:
        async with bench.open("with_2026", port=port) as client:
            start = await ready(client, CAPABILITIES)
            echo = await ask(client, "echo", {"text": "hello"})
            asked = await ask(client, "ask")
            thought = await ask(client, "think")
            requests = [message["method"] for message in client.server_requests]
            stats = get_json(port, "/__stats")
    plain = json.dumps(echo.message)
    facts = {"initialize": brief(start), "ask": asked.show(), "think": thought.show(), "stats": stats}
    return judge(
        facts,
        initialize="result" in start,
        echo=echo.text == "hello",
        no_modern_members="resultType" not in plain and META not in plain,
        elicitation="bob" in (asked.text or ""),
        sampling="re: hi" in (thought.text or ""),
        asked_once=sorted(requests) == ["elicitation/create", "sampling/createMessage"],
        headers_right=stats["mismatches"] == 0,
    )
