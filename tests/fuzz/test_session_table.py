"""The bridge's session table against a plain model of it: who is known, who ends, and that nothing is kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from skerry.bridge import sessions
from skerry.bridge.sessions import Session, Sessions
from skerry.relay.ports import Emit
from skerry.wire import jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope
from tests.fuzz.effort import examples

IDLE = 10.0


@dataclass
class Silent:
    """A `relay.ports.Server` that never says anything by itself; keeps what it is told."""

    era: Era = "legacy"
    responses: list[Envelope] = field(default_factory=list)
    closed: int = 0

    def listen(self, deliver: Emit) -> None:
        self.deliver = deliver

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        raise NotImplementedError

    async def notify(self, notification: Envelope) -> None:
        raise NotImplementedError

    async def respond(self, response: Envelope) -> None:
        self.responses.append(response)

    async def close(self) -> None:
        self.closed += 1


class Owner:
    """A `bridge.programs.Owned`."""

    def __init__(self) -> None:
        self.server = Silent()

    async def close(self) -> None:
        await self.server.close()


@dataclass
class Known:
    session: Session
    used: float
    calls: list[object] = field(default_factory=list)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from(["", "a", "b", "c"])),
        st.tuples(st.just("find"), st.integers(0, 5)),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("call"), st.integers(0, 5)),
        st.tuples(st.just("return"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 1.0, IDLE / 2, IDLE - 0.5, IDLE, 2 * IDLE])),
        st.tuples(st.just("sweep"), st.none()),
        st.tuples(st.just("room"), st.none()),
    ),
    max_size=25,
)


async def nowhere(_: Envelope) -> None:
    return


class Model:
    """Runs operations on the table and on a dictionary, and compares."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.table = Sessions(idle=IDLE, now=lambda: self.clock)
        self.known: dict[str, Known] = {}
        self.owners: list[Owner] = []

    def pick(self, number: int) -> Known | None:
        found = list(self.known.values())
        return found[number % len(found)] if found else None

    def open(self, name: str) -> None:
        owner = Owner()
        self.owners.append(owner)
        session = self.table.open(owner, name)
        assert session.id not in self.known or session.id == name
        self.known.pop(session.id, None)
        self.known[session.id] = Known(session, self.clock)

    async def apply(self, operation: str, value: object) -> None:
        each = self.pick(value) if isinstance(value, int) else None
        if operation == "open":
            self.open(str(value))
        elif operation == "wait":
            assert isinstance(value, float)
            self.clock += value
            if value >= 1:
                self.sweep()
        elif operation == "sweep":
            self.sweep()
        elif operation == "room":
            await self.room()
        elif each is None:
            assert self.table.find("never given") is None
        elif operation == "find":
            assert self.table.find(each.session.id) is each.session
            each.used = self.clock
        elif operation == "end":
            await self.table.end(each.session)
            del self.known[each.session.id]
        elif operation == "call":
            block = each.session.calling(nowhere)
            block.__enter__()
            each.calls.append(block)
        elif each.calls:
            each.calls.pop().__exit__(None, None, None)

    def sweep(self) -> None:
        again = self.table.sweep()
        assert 0 < again <= IDLE + 1e-6
        for name, each in list(self.known.items()):
            if each.calls:
                each.used = self.clock
            elif self.clock - each.used >= IDLE:
                del self.known[name]

    async def room(self) -> None:
        idle = [each for each in self.known.values() if not each.calls]
        assert await self.table.make_room() == bool(idle)
        if idle:
            oldest = min(each.used for each in idle)
            gone = [name for name in self.known if self.table.find(name) is None]
            assert len(gone) == 1
            assert self.known[gone[0]].used == oldest
            del self.known[gone[0]]
            for each in self.known.values():
                each.used = self.clock  # the look for it counts as use

    def agrees(self) -> None:
        assert {session.id: session for session in self.table.all()} == {
            name: each.session for name, each in self.known.items()
        }
        assert len(self.table) == len(self.known)


@examples(60)
@given(OPERATIONS)
def test_the_table_is_what_the_model_says(operations: list[tuple[str, object]]) -> None:
    async def example() -> None:
        model = Model()
        for operation, value in operations:
            await model.apply(operation, value)
            model.agrees()
        for each in model.known.values():
            for block in each.calls:
                block.__exit__(None, None, None)  # type: ignore[attr-defined]
        await model.table.close()
        assert len(model.table) == 0
        assert [owner.server.closed for owner in model.owners] == [1] * len(model.owners)

    asyncio.run(example())


MESSAGES = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from([0, 10, 4000, sessions.BACKLOG_BYTES])),
    max_size=12,
)


@examples(40)
@given(MESSAGES, st.integers(0, 2 * sessions.BACKLOG))
def test_what_waits_for_an_absent_client_is_bounded_and_no_question_is_lost(
    messages: list[tuple[bool, int, int]], many: int
) -> None:
    """A question that nobody hears is refused: the server is never left waiting."""

    async def example() -> None:
        owner = Owner()
        session = Session("s", owner, now=0.0, streamless=True)
        asked = 0
        for question, number, size in [*messages, *((True, k, 0) for k in range(many))]:
            params = {"text": "x" * size}
            asked += question
            if question:
                body = jsonrpc.request(asked, "sampling/createMessage", params)
            else:
                body = jsonrpc.notification(f"notifications/{number}", params)
            await session.deliver(jsonrpc.parse(body))
        got: list[Envelope] = []

        async def emit(message: Envelope) -> None:
            got.append(message)

        await session.catch_up(emit)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(got) <= sessions.BACKLOG
        assert sum(len(message.body) for message in got[1:]) <= sessions.BACKLOG_BYTES
        heard = [message.id for message in got if message.kind == "request"]
        refused = [response.id for response in owner.server.responses]
        assert sorted([*heard, *refused]) == list(range(1, asked + 1))
        await session.close()

    asyncio.run(example())
