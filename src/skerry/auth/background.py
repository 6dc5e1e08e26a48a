"""Work that may block or that many wait for: in a thread of its own, and once at a time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """The result of `work`, run in a thread that does not keep the process alive.

    asyncio's own threads are joined when the process ends: a credential process that hangs would hold a
    proxy whose host has long gone.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: BaseException | None) -> None:
        if future.cancelled():
            return
        if problem is None:
            future.set_result(result)  # type: ignore[arg-type]
        else:
            future.set_exception(problem)

    def run() -> None:
        result: T | None = None
        problem: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001  (the outermost frame of a thread: it goes to whoever waits)
            problem = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name="skerry-auth", daemon=True).start()
    return future


class Shared(Generic[T]):
    """One run at a time of `make`; whoever asks meanwhile gets the result of that run, or its error.

    A caller that is cancelled takes nothing from the others. An instance belongs to one event loop.
    """

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._task: asyncio.Task[T] | None = None

    def start(self) -> asyncio.Task[T]:
        """Begins a run, or gives the one under way."""
        if self._task is None or self._task.done() or self._task.get_loop() is not asyncio.get_running_loop():
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(_seen)
        return self._task

    async def __call__(self) -> T:
        """The result of a run."""
        return await asyncio.shield(self.start())

    async def _run(self) -> T:
        return await self._make()


def _seen(task: asyncio.Task[T]) -> None:
    if not task.cancelled():
        task.exception()  # every waiter may be gone; an error must not be reported as never seen
