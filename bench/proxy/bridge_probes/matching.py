"""Every answer goes to its own call, and to nobody else."""

from __future__ import annotations

import asyncio
import json

from bench.proxy.bridge import Json, Reply
from bench.proxy.bridge_probes.bench import Bench, Probe, probe
from bench.proxy.figures import ms
from bench.proxy.probing import Outcome, judge


@probe("parallel", "A quick call is answered at once while a slow call runs.")
async def parallel(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize()
        slow = asyncio.ensure_future(bridge.call("slow", {"seconds": 2}, ident="slow"))
        await asyncio.sleep(0.2)
        ok, quick = await bridge.echo("quick")
        done = await slow
    return judge(
        {"echo_ms": ms(quick.seconds)},
        at_once=ok and quick.seconds < 0.5,
        slow_answered=done.text("slow") == "slept ",
    )


def talkative(tool: str, arguments: Json, want: str, notification: str | None) -> Probe:
    async def run(bench: Bench) -> Outcome:
        async with bench.open() as bridge:
            await bridge.initialize()
            first = await bridge.call(
                tool, arguments, ident="N1", timeout=10, meta={"progressToken": "token"}
            )
            ok, second = await bridge.echo("N2")
        facts = {"N1": first.show(), "N2": second.show()}
        conditions = {"own_answer": first.text("N1") == want, "next_answer": ok}
        if notification:
            conditions["delivered"] = any(
                isinstance(m, dict) and m.get("method") == notification for m in first.messages
            )
        return judge(facts, **conditions)

    return run


probe("log_before_result", "A log notification before the result does not shift the answers.")(
    talkative("noise", {"n": 1}, "after noise", None)
)
probe("progress_before_result", "Progress before the result does not shift the answers.")(
    talkative("progress", {"n": 2}, "done", None)
)
probe("progress_delivered", "Progress of the child reaches the HTTP client on the stream of its call.")(
    talkative("progress", {"n": 2}, "done", "notifications/progress")
)
probe("stderr_flood", "4 MB on stderr, with a 300 kB line, do not block the child.")(
    talkative("stderrflood", {}, "flooded", None)
)


@probe(
    "same_id",
    "Two calls with one id in flight: each gets its own answer, or the second is refused; none hangs.",
)
async def same_id(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize()
        slow, quick = await asyncio.gather(
            bridge.call("slow", {"seconds": 0.6, "tag": "first"}, ident=7, timeout=10),
            bridge.call("echo", {"text": "second"}, ident=7, timeout=10),
        )

    def fine(reply: Reply, text: str) -> bool:
        return (
            reply.text(7) == text
            or (reply.status is not None and 400 <= reply.status < 500)
            or "error" in reply.final(7)
        )

    return judge(
        {"slow": slow.show(), "quick": quick.show()},
        first=fine(slow, "slept first"),
        second=fine(quick, "second"),
    )


@probe("two_sessions", "Two sessions do not share a child (or the second is refused).")
async def two_sessions(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize()
        first = (await bridge.call("state", ident="P1", timeout=8)).text("P1")
        bridge.session = None
        other = "session-" + "b" * 36
        started = await bridge.initialize(runtime_session=other)
        reply = await bridge.call("state", ident="P2", timeout=8, runtime_session=other)
        second = reply.text("P2")
    refused = started.status is not None and 400 <= started.status < 500
    separate = bool(first and second) and json.loads(first or "{}").get("pid") != json.loads(
        second or "{}"
    ).get("pid")
    return judge({"first": first, "second": second or reply.show()}, separate_or_refused=separate or refused)


@probe(
    "unknown_session",
    "An unknown Mcp-Session-Id gets 404, so that the client initializes again (only for /mcp).",
)
async def unknown_session(bench: Bench) -> Outcome:
    if not bench.spec.get("path", "").endswith("/mcp"):
        return None, {"skipped": "not the MCP contract"}
    async with bench.open() as bridge:
        await bridge.initialize()
        bridge.session = "0123456789abcdef0123456789abcdef"
        reply = await bridge.call("echo", {"text": "x"}, ident="U", timeout=6)
    return judge({"reply": reply.show()}, not_found=reply.status == 404)


@probe("client_abandons", "After an abandoned call the next calls get their own answers.")
async def client_abandons(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize()
        gone = await bridge.call("slow", {"seconds": 1.5, "tag": "ABANDONED"}, ident="OLD", timeout=0.4)
        replies = [await bridge.echo(f"NEW{k}", timeout=8) for k in (1, 2)]
    return judge(
        {"abandoned": gone.show(), "next": [r.show() for _, r in replies]},
        next_answers=all(ok for ok, _ in replies),
    )


@probe("cancel", "notifications/cancelled reaches the child while the call runs.")
async def cancel(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize()
        call = asyncio.ensure_future(bridge.call("slow", {"seconds": 3}, ident="C1", timeout=8))
        await asyncio.sleep(0.3)
        note = await bridge.post(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "C1"}}, 8
        )
        await asyncio.sleep(0.3)
        state = await bridge.call("state", ident="ST", timeout=8)
        seen = json.loads(state.text("ST") or "{}").get("cancelled")
        await call
    facts = {
        "notification_s": round(note.seconds, 2),
        "child_saw": seen,
        "asked_after_s": round(0.6 + note.seconds + state.seconds, 2),
    }
    return judge(facts, at_once=note.seconds < 1, child_saw_it=seen == 1 and state.seconds < 1)
