"""The bridge's child framing: whatever a program prints, its calls end, once each, and the next one works."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.bridge.child import Channel, Child, Program
from skerry.relay.ports import RelayError
from skerry.wire import jsonrpc
from skerry.wire.jsonrpc import Envelope
from tests.fuzz.effort import examples
from tests.fuzz.hostile import HOSTILE, IDS, METHODS, members, spelled

PROGRAM = Program(
    argv=[sys.executable, "-I", str(Path(__file__).parent / "programs/child.py")],
    folder=Path(__file__).parent,
    environment={},
    call_timeout=0.3,
    max_message=4000,
)
WITHIN = 20.0
MOST_LINES = 40

ANSWERS = st.one_of(
    st.just(b'{"jsonrpc":"2.0","id":@ID@,"result":{"own":1}}'),
    st.just(b'{"jsonrpc":"2.0","id":@ID@,"error":{"code":-1,"message":"no"}}'),
    st.just(b'{"jsonrpc":"2.0","id":@ID@,"result":{"twice":1}}\n{"jsonrpc":"2.0","id":@ID@,"result":{}}'),
    st.just(b'{"jsonrpc":"2.0","id":@ID@,"result":"\xff"}'),
    st.just(b'{"jsonrpc":"2.0","id":@ID@,"result":"' + b"x" * 5000 + b'"}'),
    st.just(b'{"jsonrpc":"2.0","id":@ID@,"method":"sampling/createMessage","params":{}}'),
    st.just(b'{"jsonrpc":"2.0","result":{},"id":@ID@,'),
)
SPEWS = st.lists(st.one_of(HOSTILE, ANSWERS), max_size=5).map(b"\n".join)


class Bench:
    """One program for many examples, started again when an example ended it."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.faults: list[dict[str, object]] = []
        self._child: Child | None = None

    async def channel(self) -> Channel:
        if self._child is None or not self._child.alive:
            self._child = await Child.start(PROGRAM, "legacy", on_served=lambda: None)
        return self._child.channel()

    async def close(self) -> None:
        if self._child is not None:
            await self._child.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    with made.runner:
        made.runner.get_loop().set_exception_handler(lambda _, fault: made.faults.append(fault))
        yield made
        made.runner.run(made.close())
    assert made.faults == [], "an exception reached the event loop"


def call(identifier: object, name: str, **arguments: object) -> Envelope:
    params = {"name": name, "arguments": arguments, "_meta": {"progressToken": "token"}}
    return jsonrpc.parse(jsonrpc.request(identifier, "tools/call", params))  # type: ignore[arg-type]


async def ending(channel: Channel, request: Envelope, said: list[Envelope]) -> Envelope | RelayError:
    """How a call ends; an answer has the id of its request."""

    async def emit(message: Envelope) -> None:
        said.append(message)

    try:
        async with asyncio.timeout(WITHIN):
            answer = await channel.call(request, emit)
    except RelayError as problem:
        assert jsonrpc.parse(problem.answer(request.raw_id)).raw_id == request.raw_id
        return problem
    assert answer.kind == "response"
    assert answer.raw_id == request.raw_id
    assert jsonrpc.parse(answer.body).raw_id == request.raw_id
    return answer


async def good(bench: Bench, *, may_end: bool = False) -> Channel:
    """A call that works, after what an example left behind: damaged lines yet to come, a program about to end.

    A damaged line that says of no call whose it is counts as the answer of the only one in flight.
    """
    for _ in range(MOST_LINES):
        channel = await bench.channel()
        answer = await ending(channel, call("good", "echo", text="good"), [])
        await channel.close()
        if isinstance(answer, Envelope):
            break
        if answer.reason in ("closed", "unreachable"):
            assert may_end, answer
            async with asyncio.timeout(WITHIN):
                await asyncio.shield(channel.child.ended)
        else:
            assert answer.reason in ("failed", "size"), answer
    assert isinstance(answer, Envelope), answer
    assert answer.result["content"][0]["text"] == "good"
    return channel


@examples(25, shrink=False)
@given(
    st.lists(
        st.tuples(IDS, SPEWS, st.sampled_from(["answer", "answer", "answer", "silence", "exit"])),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_a_program_prints_every_call_ends_and_the_next_one_works(
    bench: Bench, calls: list[tuple[str | int, bytes, str]]
) -> None:
    async def example() -> None:
        channel, other = await bench.channel(), await bench.channel()
        said: list[Envelope] = []
        requests = [
            call(identifier, "spew", bytes=base64.b64encode(spew).decode(), then=then)
            for identifier, spew, then in calls
        ]
        await asyncio.gather(*(ending(channel, request, said) for request in requests))
        assert all(message.kind != "response" for message in said)
        await channel.close()
        await other.close()
        fresh = await good(bench, may_end=any(then == "exit" for _, _, then in calls))
        assert fresh.child.calls == {}

    bench.runner.run(example())


@examples(25, shrink=False)
@given(st.lists(st.tuples(IDS, METHODS), min_size=2, max_size=12), st.data())
def test_ids_of_many_clients_never_meet(
    bench: Bench, asked: list[tuple[str | int, str]], data: st.DataObject
) -> None:
    async def example() -> None:
        channels = [await bench.channel() for _ in range(3)]
        work = []
        for number, (identifier, _) in enumerate(asked):
            channel = channels[data.draw(st.integers(0, 2))]
            work.append((channel, call(identifier, "echo", text=f"words-{number}")))
        answers = await asyncio.gather(*(ending(channel, request, []) for channel, request in work))
        for number, answer in enumerate(answers):
            assert isinstance(answer, Envelope), answer
            assert answer.result["content"][0]["text"] == f"words-{number}"
        for channel in channels:
            await channel.close()

    bench.runner.run(example())


@examples(25, shrink=False)
@given(st.lists(members().flatmap(spelled), max_size=6))
def test_what_clients_send_reaches_the_program_as_one_line(bench: Bench, bodies: list[bytes]) -> None:
    async def example() -> None:
        channel = await bench.channel()
        for body in bodies:
            try:
                message = jsonrpc.parse(body)
            except jsonrpc.RpcError:
                continue
            if message.kind == "request":
                await ending(channel, message, [])
            elif message.kind == "notification":
                await channel.notify(message)
            else:
                await channel.respond(message)
        await channel.close()
        await good(bench)

    bench.runner.run(example())
