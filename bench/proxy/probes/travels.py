"""What travels both ways while calls run."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench.proxy.figures import ms
from bench.proxy.probes.bench import Bench, Json, ask, probe, ready
from bench.proxy.probing import Outcome, judge


@probe("protocol_header", "Every message after initialize carries MCP-Protocol-Version.")
async def protocol_header(bench: Bench) -> Outcome:
    bench.reset()
    async with bench.open() as client:
        message = await ready(client, version="2025-11-25")
        await client.call("echo", {"text": "a"})
        stats = bench.stats()
    keep = ("mcp", "x-amzn", "user-agent", "accept")
    facts = {
        "negotiated": message.get("result", {}).get("protocolVersion"),
        "server": message.get("result", {}).get("serverInfo"),
        "versions": stats["protocol_versions"],
        "auth": stats["auth"],
        "gets": stats["gets"],
        "methods": stats["methods"],
        "runtime_sessions": len(stats["runtime_sessions"]),
        "mcp_sessions": list(stats["mcp_sessions"])[:3],
        "last_headers": {k: v for k, v in stats["last_headers"].items() if k.startswith(keep)},
    }
    return judge(
        facts,
        version_on_each_message=stats["protocol_versions"].get("-", 0)
        <= stats["methods"].get("initialize", 1),
    )


@probe("progress_streams", "Progress reaches the client while the call runs, not at its end.")
async def progress_streams(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client)
        start = time.monotonic()
        answer = await ask(client, "progress", {"n": 5, "interval": 0.3}, meta={"progressToken": "token"})
        times = [t - start for t, m in client.notifications if m["method"] == "notifications/progress"]
    facts = {
        "received": len(times),
        "first_ms": ms(times[0]) if times else None,
        "call_s": round(answer.seconds, 2),
    }
    return judge(facts, all_five=len(times) == 5, first_within_600_ms=bool(times) and times[0] < 0.6)


@probe(
    "server_notifications", "Notifications in a reply stream (log message, list_changed) reach the client."
)
async def server_notifications(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client)
        answer = await ask(client, "notify")
        await asyncio.sleep(0.3)
        methods = [m["method"] for _, m in client.notifications]
    facts = {"answer": answer.show(), "methods": methods}
    return judge(
        facts,
        answered=answer.text == "done",
        log="notifications/message" in methods,
        list_changed="notifications/tools/list_changed" in methods,
    )


@probe("client_notifications", "A notification of the client (roots/list_changed) reaches the server.")
async def client_notifications(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client, {"roots": {"listChanged": True}})
        bench.reset()
        await client.send({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        await asyncio.sleep(0.6)
        methods = bench.stats()["methods"]
    return judge({"upstream": methods}, forwarded=methods.get("notifications/roots/list_changed") == 1)


async def server_request(
    bench: Bench, tool: str, capability: str, arguments: Json | None = None, ident: Any = None
) -> Outcome:
    async with bench.open() as client:
        await ready(client, {capability: {}})
        answer = await ask(client, tool, arguments, ident=ident)
        facts = {"answer": answer.show(), "asked": [m["method"] for m in client.server_requests]}
    return judge(facts, answered=(answer.text or "").startswith("answered"))


@probe("sampling", "A sampling request of the server is answered by the client during the call.")
async def sampling(bench: Bench) -> Outcome:
    return await server_request(bench, "sample", "sampling")


@probe("elicitation", "An elicitation request of the server is answered by the client during the call.")
async def elicitation(bench: Bench) -> Outcome:
    return await server_request(bench, "elicit", "elicitation")


@probe("id_collision", "A server request may carry the same id as the client's call in flight.")
async def id_collision(bench: Bench) -> Outcome:
    return await server_request(bench, "sample", "sampling", {"same_id": True}, ident=4711)


@probe("id_types", 'Requests with the ids 1 and "1" in flight together get their own answers.')
async def id_types(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await client.initialize()
        number, text = await asyncio.gather(
            ask(client, "slow", {"seconds": 0.5}, ident=1001),
            ask(client, "echo", {"text": "text"}, ident="1001"),
        )
    return judge(
        {"1001": number.show(), '"1001"': text.show()},
        number=number.text == "slept",
        string=text.text == "text",
    )


@probe("id_values", 'The ids "a-b", 0 and 2^53+1 come back unchanged.')
async def id_values(bench: Bench) -> Outcome:
    facts: Json = {}
    async with bench.open() as client:
        await client.initialize()
        for ident in ("a-b", 0, 2**53 + 1):
            facts[str(ident)] = (await ask(client, "echo", {"text": "x"}, timeout=5, ident=ident)).kind
    return judge(facts, unchanged=set(facts.values()) == {"result"})


@probe(
    "cancel", "notifications/cancelled stops the call upstream (forwarded, or the HTTP request is aborted)."
)
async def cancel(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client)
        bench.reset()
        call = asyncio.ensure_future(ask(client, "slow", {"seconds": 4}, ident=777))
        await asyncio.sleep(0.4)
        await client.send(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 777}}
        )
        await asyncio.sleep(0.6)
        stats = bench.stats()
        after = await ask(client, "echo", {"text": "after"})
        call.cancel()
    facts = {
        "forwarded": stats["cancelled_notifications"],
        "aborted": stats["client_disconnects"],
        "next_echo_ms": ms(after.seconds),
    }
    return judge(
        facts,
        reached_upstream=facts["forwarded"] + facts["aborted"] > 0,
        next_call_at_once=after.seconds < 0.5,
    )


@probe("parallel", "A quick call is answered at once while a slow call runs.")
async def parallel(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client)
        slow = asyncio.ensure_future(ask(client, "slow", {"seconds": 2}))
        await asyncio.sleep(0.2)
        quick = await ask(client, "echo", {"text": "quick"})
        done = await slow
    return judge(
        {"echo_ms": ms(quick.seconds), "slow": done.kind},
        at_once=quick.seconds < 0.5,
        both=quick.text == "quick" and done.text == "slept",
    )


@probe("first_progress", "The first progress event arrives within 30 ms of being sent (best of three).")
async def first_progress(bench: Bench) -> Outcome:
    took = []
    async with bench.open() as client:
        await ready(client)
        for turn in range(3):
            known, token = len(client.notifications), f"token-{turn}"
            await ask(client, "progress", {"n": 1, "interval": 0.3}, meta={"progressToken": token})
            for arrived, message in client.notifications[known:]:
                if message["method"] == "notifications/progress":
                    took.append(arrived - float(message["params"]["message"]))
                    break
    return judge({"ms": [ms(each) for each in took]}, in_time=len(took) == 3 and min(took) < 0.03)
