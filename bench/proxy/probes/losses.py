"""A session or its handshake is lost."""

from __future__ import annotations

from contextlib import ExitStack

from bench.proxy.figures import brief
from bench.proxy.probes.bench import Bench, Probe, ask, probe, ready
from bench.proxy.probing import Outcome, judge
from bench.proxy.servers import get_json, server


def genuine_32602(form: str) -> Probe:
    async def run(bench: Bench) -> Outcome:
        async with bench.open() as client:
            await ready(client)
            bench.reset()
            answer = await ask(client, "rpcerror", {"code": -32602, "as": form})
            stats = bench.stats()
        facts = {"answer": answer.show(), "upstream": stats["methods"]}
        return judge(facts, run_once=stats["executions"].get("rpcerror") == 1)

    return run


def lost(kind: str, form: str) -> Probe:
    async def run(bench: Bench) -> Outcome:
        bench.set(json=int(form == "json"))
        try:
            async with bench.open() as client:
                await ready(client)
                bench.reset()
                bench.set(lost=kind)
                first = await ask(client, "echo", {"text": "first"})
                second = await ask(client, "echo", {"text": "second"})
                stats = bench.stats()
        finally:
            bench.set(json=0, lost="none")
        facts = {"first": first.show(), "second": second.show(), "upstream": stats["methods"]}
        answered = first.text == "first" and second.text == "second"
        return judge(facts, recovered=answered, each_run_once=stats["executions"].get("echo") == 2)

    return run


for body_form in ("sse", "json"):
    probe(
        f"genuine_32602_{body_form}", "A -32602 that the tool itself returned does not run the tool again."
    )(genuine_32602(body_form))
    probe(
        f"lost_handshake_{body_form}",
        "After -32602 for a lost handshake: a new initialize, and the call runs once.",
    )(lost("handshake", body_form))
probe(
    "lost_session_runtime",
    "After AgentCore's -32010 `Received error (404)`: a new initialize, and the call runs once.",
)(lost("runtime", "json"))


@probe(
    "stateful_server",
    "A native stateful server works: its session id is adopted, sampling, elicitation and progress pass.",
)
async def stateful_server(bench: Bench) -> Outcome:
    with server("sessions") as port:
        async with bench.open(port=port) as client:
            start = await client.initialize({"sampling": {}, "elicitation": {}}, timeout=15)
            answers = {
                t: await ask(client, t, {"text": "a"} if t == "echo" else {}, timeout=8)
                for t in ("echo", "think", "ask")
            }
            progress = await ask(client, "prog", timeout=8, meta={"progressToken": "token"})
            steps = sum(m["method"] == "notifications/progress" for _, m in client.notifications)
        requests = get_json(port, "/__stats")[:6]
    facts = {
        "initialize": "ok" if "result" in start else brief(start),
        **{k: a.show() for k, a in answers.items()},
        "prog": progress.show(),
        "progress": steps,
        "requests": requests,
    }
    return judge(
        facts,
        initialize="result" in start,
        echo=answers["echo"].text == "a",
        sampling=answers["think"].text == "re: hi",
        elicitation=answers["ask"].text == "accept:bob",
        progress=steps == 3,
    )


@probe(
    "lost_session", "When the server has lost the session (404), the next call opens a new one and succeeds."
)
async def lost_session(bench: Bench) -> Outcome:
    with ExitStack() as first, ExitStack() as second:
        port = first.enter_context(server("sessions"))
        async with bench.open(port=port) as client:
            start = await client.initialize(timeout=15)
            before = await ask(client, "echo", {"text": "before"}, timeout=8)
            first.close()
            second.enter_context(server("sessions", port=port))
            after = [await ask(client, "echo", {"text": f"after {k}"}, timeout=8) for k in range(3)]
    facts = {
        "initialize": "ok" if "result" in start else brief(start),
        "before": before.show(),
        "after": [a.show() for a in after],
    }
    return judge(
        facts,
        before=before.text == "before",
        first_call=after[0].text == "after 0",
        later_calls=after[2].text == "after 2",
    )
