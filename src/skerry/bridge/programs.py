"""The servers behind the bridge: the program in the era that a client speaks, translated where it must be.

mcp 2.1 fixes the era of a stdio process with the first message, so there is one process per era and never
both on one. A client with `initialize` gets a process that sees `initialize` first; a modern client the
shared process that has seen `server/discover`. What the program does not speak is found on the way, once.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from skerry.bridge.child import Child
from skerry.bridge.launcher import Launcher
from skerry.bridge.legacy import LegacyProgram, Seat
from skerry.bridge.modern import LegacyOnlyError, ModernProgram
from skerry.relay.ports import Emit, RelayError, Server
from skerry.wire import eras, jsonrpc
from skerry.wire.jsonrpc import Envelope

_NO_HANDSHAKE = frozenset(
    {
        jsonrpc.METHOD_NOT_FOUND,
        jsonrpc.INVALID_REQUEST,
        jsonrpc.INVALID_PARAMS,
        eras.UNSUPPORTED_VERSION,
    }
)


class Owned(Protocol):
    """A server and how to end it with all that belongs to it alone."""

    @property
    def server(self) -> Server:
        """What to call."""
        ...

    async def close(self) -> None:
        """Ends it."""
        ...


class OwnProgram:
    """A client's own legacy process, or its place at the shared one."""

    def __init__(self, seat: Seat, program: LegacyProgram | None) -> None:
        self.server: Server = seat
        self._program = program

    async def close(self) -> None:
        """Ends the process where it is the client's own."""
        await self.server.close()
        if self._program is not None:
            await self._program.close()


class Translated:
    """A legacy client's view of the modern program."""

    def __init__(self, server: Server) -> None:
        self.server = server

    async def close(self) -> None:
        """Ends the view; the program serves others."""
        await self.server.close()


class Programs:
    """What the bridge can connect a client with. `shared` gives all legacy clients one process.

    `probe` is the longest wait for an answer to `server/discover`, in seconds.
    """

    def __init__(self, launcher: Launcher, *, shared: bool, probe: float) -> None:
        self._launcher = launcher
        self._shared = self._legacy_program() if shared else None
        self._modern_program = ModernProgram(self._start_modern, launcher.retire, probe=probe)
        self._modern: Server | None = None
        self._modern_only = False
        self._finding = asyncio.Lock()

    async def legacy(self, initialize: Envelope | None, emit: Emit) -> tuple[Owned, Envelope | None]:
        """A server for a client of the legacy era, with the answer to its `initialize`.

        Without one the program is what the client takes it for: its messages go there as they are. Raises
        RelayError; nothing is left open then.
        """
        if self._modern_only:
            return await self._translated(initialize, emit)
        program = self._shared or self._legacy_program()
        own = OwnProgram(program.seat(), None if program is self._shared else program)
        if initialize is None:
            return own, None
        try:
            answer = await own.server.call(initialize, emit)
        except BaseException:
            await own.close()
            raise
        if not _refuses_handshakes(answer) or not await self._speaks_modern():
            return own, answer
        await own.close()
        self._modern_only = True
        return await self._translated(initialize, emit)

    async def modern(self) -> Server:
        """The server for all clients of the modern era. Raises RelayError."""
        if self._modern is None:
            async with self._finding:
                if self._modern is None:
                    self._modern = await self._find_modern()
        return self._modern

    @property
    def translated(self) -> bool:
        """Whether modern clients are served by a program of the legacy era."""
        return self._modern is not self._modern_program

    async def close(self) -> None:
        """Ends what no client owns."""
        if self._modern is not None:
            await self._modern.close()
        await self._modern_program.close()
        if self._shared is not None:
            await self._shared.close()

    async def _find_modern(self) -> Server:
        try:
            await self._modern_program.channel()
        except LegacyOnlyError:
            from skerry.relay.faces.modern_face import ModernFace

            return ModernFace(self._open_legacy)
        return self._modern_program

    async def _open_legacy(self) -> Server:
        return _Single(self._legacy_program())

    async def _speaks_modern(self) -> bool:
        with contextlib.suppress(RelayError):
            return await self.modern() is self._modern_program
        return False

    async def _translated(self, initialize: Envelope | None, emit: Emit) -> tuple[Owned, Envelope | None]:
        from skerry.relay.faces.legacy_face import LegacyFace

        face = LegacyFace(self._modern_program, shared=True)
        answer = await face.call(initialize, emit) if initialize is not None else None
        return Translated(face), answer

    def _legacy_program(self) -> LegacyProgram:
        return LegacyProgram(self._start_legacy, self._launcher.retire)

    async def _start_legacy(self) -> Child:
        return await self._launcher.start("legacy")

    async def _start_modern(self) -> Child:
        return await self._launcher.start("modern")


class _Single(Seat):
    """A legacy process whose one client is a translation: it ends with that."""

    def __init__(self, program: LegacyProgram) -> None:
        super().__init__(program)
        self._own = program

    async def close(self) -> None:
        await super().close()
        await self._own.close()


def _refuses_handshakes(answer: Envelope) -> bool:
    """Whether an answer to `initialize` may be that of a server that knows the modern era alone."""
    return answer.error is not None and answer.error.get("code") in _NO_HANDSHAKE
