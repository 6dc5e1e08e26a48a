"""The table of sessions and the launcher, with the clock in hand; a program's output, cut anywhere."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.bridge.child import Child, Program
from skerry.bridge.launcher import LOOP, PATIENT, Launcher
from skerry.bridge.sessions import Sessions
from skerry.relay.ports import RelayError
from skerry.wire import jsonrpc
from tests.fuzz.effort import scaled
from tests.kit.bridge import program
from tests.kit.clock import FakeClock


class Quiet:
    """A `Server` that nobody calls. `answers` are the responses that it got."""

    era = "legacy"

    def __init__(self):
        self.deliver = None
        self.answers = []
        self.closed = 0

    def listen(self, deliver):
        self.deliver = deliver

    async def respond(self, response):
        self.answers.append(response)

    async def close(self):
        self.closed += 1


class Owned:
    """Implements the port `Owned` around a Quiet server."""

    def __init__(self):
        self.server = Quiet()

    async def close(self):
        await self.server.close()


async def nowhere(message):
    return


IDS = st.sampled_from("abc")
STEPS = st.one_of(
    st.tuples(st.just("open"), IDS),
    st.tuples(st.just("find"), IDS),
    st.tuples(st.just("end"), IDS),
    st.tuples(st.just("call"), IDS),
    st.tuples(st.just("done"), IDS),
    st.tuples(st.just("wait"), st.integers(1, 8)),
    st.tuples(st.just("room"), st.none()),
)


@settings(max_examples=scaled(60))
@given(st.lists(STEPS, max_size=40))
async def test_the_table_of_sessions_does_what_a_plain_model_does(steps):
    """Model: an id has the session opened last under it, until it ends, is idle for 10 s, or makes room."""
    clock = FakeClock()
    table = Sessions(idle=10, now=clock.monotonic)
    model, opened, calls = {}, [], {}
    for step, value in steps:
        if step == "open":
            session = table.open(Owned(), value)
            opened.append(session)
            model[value] = [session, clock.monotonic()]
        elif step == "find":
            found = table.find(value)
            assert (model[value][0] if value in model else None) is found
            if value in model:
                model[value][1] = clock.monotonic()
        elif step == "end" and value in model:
            await table.end(model.pop(value)[0])
        elif step == "call" and value in model and value not in calls:
            calls[value] = model[value][0], model[value][0].calling(nowhere)
            calls[value][1].__enter__()
        elif step == "done" and value in calls:
            calls.pop(value)[1].__exit__(None, None, None)
        elif step == "wait":
            clock.advance(value)
            again = table.sweep()
            assert 0 < again <= 10
            for name, (session, used) in list(model.items()):
                if session.busy:
                    model[name][1] = clock.monotonic()
                elif clock.monotonic() - used >= 10:
                    del model[name]
        elif step == "room":
            idle = [name for name, (session, _) in model.items() if not session.busy]
            oldest = min((model[name][1] for name in idle), default=None)
            before = set(map(id, table.all()))
            assert bool(idle) == await table.make_room()
            gone = before - set(map(id, table.all()))
            for name in [name for name, (session, used) in model.items() if id(session) in gone]:
                assert oldest == model.pop(name)[1]
        assert {id(session) for session, _ in model.values()} == set(map(id, table.all()))
    await table.close()
    assert [1] * len(opened) == [session.server.closed for session in opened]  # each ended, and once


async def test_what_waits_for_a_client_is_bounded_and_its_questions_are_refused():
    table = Sessions(idle=10)
    session = table.open(Owned(), "a")
    question = jsonrpc.parse(jsonrpc.request("q", "roots/list"))
    await session.server.deliver(question)
    for number in range(300):
        await session.server.deliver(
            jsonrpc.parse(jsonrpc.notification("notifications/message", {"n": number}))
        )
    while not session.server.answers:
        await asyncio.sleep(0)
    (refusal,) = session.server.answers
    assert ("q", True) == (refusal.id, refusal.error is not None)
    await table.close()


# ── the launcher ────────────────────────────────────────────────────────────────────────────────


def launcher(tmp_path, code, clock, **limits):
    argv = [sys.executable, "-c", code]
    what = Program(argv=argv, folder=tmp_path, environment={}, **limits)
    return Launcher(what, max_children=3, now=clock.monotonic)


async def start_and_end(launch):
    child = await launch.start("legacy")
    await child.ended
    while launch.count:  # until the launcher has heard of it
        await asyncio.sleep(0)


@pytest.mark.behaviour("BRIDGE-LOOP")
async def test_a_crash_loop_is_named_and_backed_off(tmp_path):
    clock = FakeClock()
    launch = launcher(tmp_path, "import sys; sys.exit('no key')", clock)
    for _ in range(LOOP):
        assert "" == launch.trouble
        clock.advance(PATIENT)
        await start_and_end(launch)
    assert "no key" in launch.trouble
    for _ in range(3):
        clock.advance(60)
        await start_and_end(launch)
    with pytest.raises(
        RelayError, match=r"no key\. It ended 6 times in a row; the next start is in \d+ s"
    ) as refused:
        await launch.start("legacy")
    assert refused.value.unsent
    await launch.close()


@pytest.mark.behaviour("BRIDGE-LOOP")
async def test_a_program_that_cannot_be_started_is_trouble_at_once(tmp_path):
    launch = launcher(tmp_path / "nowhere", "", FakeClock())
    with pytest.raises(RelayError, match="cannot be started"):
        await launch.start("legacy")
    assert launch.trouble
    await launch.close()


async def test_processes_are_limited(tmp_path):
    launch = launcher(tmp_path, "import sys; sys.stdin.read()", FakeClock())
    for _ in range(3):
        await launch.start("legacy")
    with pytest.raises(RelayError, match="--max-children"):
        await launch.start("legacy")
    await launch.close()
    assert 0 == launch.count


# ── a program's output ──────────────────────────────────────────────────────────────────────────

JUNK = st.one_of(
    st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")),
    st.sampled_from(
        [b"", b"{", b"[]", b'{"jsonrpc":"2.0","id":77,"result":{}}', b'{"jsonrpc":"2.0","method":"m"}']
    ),
)


@settings(max_examples=scaled(40))
@given(st.permutations(range(1, 6)), st.lists(st.tuples(st.integers(0, 5), JUNK), max_size=8), st.data())
async def test_every_call_gets_its_own_answer_among_junk_however_the_output_is_cut(order, junk, data):
    child = Child(Program(argv=["x"], folder=None, environment={}), "legacy", on_served=lambda: None)
    child._stdin.connection_made(Sink())
    channel = child.channel()
    calls = [
        asyncio.create_task(
            channel.call(jsonrpc.parse(jsonrpc.request(f"id-{n}", "tools/call", {})), nowhere)
        )
        for n in range(1, 6)
    ]
    await asyncio.sleep(0)
    lines = [b'{"jsonrpc":"2.0","id":%d,"result":{"of":%d}}' % (number, number) for number in order]
    for at, line in junk:
        lines.insert(at, line)
    raw = b"\n".join(lines) + b"\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        child._output.data_received(raw[begin:end])
    for number, answer in enumerate(await asyncio.gather(*calls), start=1):
        assert (f"id-{number}", {"of": number}) == (answer.id, answer.result)
    assert {} == child.calls


class Sink:
    """Stands in for a write transport that takes everything."""

    def write(self, data):
        return

    def close(self):
        return


async def test_a_slow_client_of_one_call_does_not_stop_the_others(tmp_path):
    """Its stream is full: the program's output waits a while for it, then goes on without it."""
    argv = program("desk")
    child = await Child.start(
        Program(argv=argv, folder=tmp_path, environment={}), "legacy", on_served=lambda: None
    )
    child.gate._patience = 0.05
    stuck, reads = asyncio.Event(), asyncio.Event()

    async def never(message):
        reads.set()
        await stuck.wait()

    def request(name, **arguments):
        return jsonrpc.parse(jsonrpc.request(name, "tools/call", {"name": name, "arguments": arguments}))

    channel = child.channel()
    flood = asyncio.create_task(channel.call(request("say", times=3, text="x" * 1_000_000), never))
    await reads.wait()
    answer = await channel.call(request("echo", text="quick"), nowhere)
    assert "quick" in json.dumps(answer.result)
    stuck.set()
    assert "done" in json.dumps((await flood).result)
    await child.close()
