"""The two container contracts, and clients of both eras."""

from __future__ import annotations

import json

from bench.proxy.bridge import Bridge, Json
from bench.proxy.bridge_probes.bench import Bench, probe
from bench.proxy.figures import brief
from bench.proxy.probing import Outcome, judge
from bench.proxy.stdio import MODERN, answer_question, modern_meta, text_of

CAPABILITIES: Json = {"sampling": {}, "elicitation": {}}


@probe("both_contracts", "/mcp and /invocations both serve MCP, and /ping says Healthy with an honest time.")
async def both_contracts(bench: Bench) -> Outcome:
    paths = bench.spec.get("contracts", [bench.spec["path"]])
    facts: Json = {}
    async with bench.open() as bridge:
        for number, path in enumerate(paths):
            bridge.path, bridge.session = path, None
            session = f"session-{number}-" + "c" * 33
            await bridge.initialize(runtime_session=session)
            ok, _ = await bridge.echo("hello", runtime_session=session)
            facts[path] = "ok" if ok else "no answer"
        status, _, body = await bridge.ping()
        facts["/ping"] = [status, body]
    both = facts.get("/mcp") == facts.get("/invocations") == "ok"
    return judge(facts, both=both, ping=status == 200 and json_status(body) in ("Healthy", "HealthyBusy"))


def json_status(body: str) -> object:
    try:
        members = json.loads(body)
    except ValueError:
        return None
    return members.get("status") if isinstance(members, dict) else None


async def modern(bridge: Bridge, method: str, params: Json | None = None, ident: str = "M") -> Json:
    """A request of revision 2026-07-28 and its answer, or {}."""
    members = {**(params or {}), "_meta": modern_meta(CAPABILITIES)}
    headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
    if method == "tools/call":
        headers["mcp-name"] = members["name"]
    bridge.session = None
    request = {"jsonrpc": "2.0", "id": ident, "method": method, "params": members}
    return (await bridge.post(request, 12, headers=headers)).final(ident)


@probe("modern_client", "A 2026-07-28 client gets input_required rounds from a child of the legacy era.")
async def modern_client(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        discover = await modern(bridge, "server/discover")
        echo = await modern(bridge, "tools/call", {"name": "echo", "arguments": {"text": "hello"}})
        asked = await modern(bridge, "tools/call", {"name": "elicit", "arguments": {}}, "R1")
        members = asked.get("result") or {}
        questions = members.get("inputRequests") or {}
        retry = {
            "name": "elicit",
            "arguments": {},
            "inputResponses": {key: answer_question(each) for key, each in questions.items()},
            "requestState": members.get("requestState", ""),
        }
        done = await modern(bridge, "tools/call", retry, "R2") if questions else {}
    facts = {"discover": brief(discover), "echo": brief(echo), "asked": brief(asked), "done": brief(done)}
    return judge(
        facts,
        discover=MODERN in (discover.get("result") or {}).get("supportedVersions", ()),
        echo=text_of(echo) == "hello" and echo["result"].get("resultType") == "complete",
        input_required=members.get("resultType") == "input_required",
        answered="answered" in (text_of(done) or ""),
    )
