"""`make soak`: a whole stack under load for minutes, while its parts and then the stack itself are killed.

    python -m tests.soak [--minutes 10] [--connections 64] [--seed N]

Two thirds of the time sessions, functions and the MCP server beside the stack are killed at random, and
sessions are stopped, under a stack that runs on: no answer may be wrong, and memory and file descriptors of
the stack may not grow. In the last third the stack itself is killed with SIGKILL again and again: no write
that it acknowledged may be lost, and none of its processes may outlive it. Needs Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from skerry.store.open import open_store
from tests.soak import processes
from tests.soak.ledger import Ledger
from tests.soak.load import LOST, SESSION, Worker
from tests.soak.stack import Stack

MEMORY_GROWTH, MEMORY_SLACK = 1.25, 32 << 20
FILES_SLACK = 40
"""How much the stack may grow between the first quarter of the long phase and its end."""
INTERVAL, ENOUGH = 3.0, 10
"""Seconds between measurements, and how many a quarter must have: until then sessions are still being made."""
SETTLED = 20.0
"""Seconds in which a stack that was restarted must show everything that it acknowledged."""


@dataclass
class Findings:
    """What is wrong, and the figures of the run."""

    problems: list[str] = field(default_factory=list)
    kills: int = 0
    stack_kills: int = 0
    memory: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)


async def shake(stack: Stack, chance: random.Random, findings: Findings, until: float) -> None:
    """Kills compute at random moments."""
    while (now := time.monotonic()) < until:
        await asyncio.sleep(min(chance.uniform(0.2, 2.0), until - now))
        what = chance.random()
        if what < 0.7:
            running = processes.compute(stack.state, stack.mark)
            if running:
                processes.kill(chance.choice(running).pid)
        elif what < 0.85:
            await stop_session(stack, chance)
        else:
            await stack.restart_server()
        findings.kills += 1


async def stop_session(stack: Stack, chance: random.Random) -> None:
    """StopRuntimeSession for an id that may or may not be in use."""
    path = f"/runtimes/{quote(stack.runtime, safe='')}/stopruntimesession"
    try:
        await stack.client.send("POST", path, {}, **{SESSION: f"soak-{chance.getrandbits(128):036d}"[:40]})
    except LOST:
        return


async def measure(stack: Stack, findings: Findings, until: float) -> None:
    """The stack's memory and file descriptors, every few seconds."""
    while time.monotonic() < until:
        findings.memory.append(processes.resident(stack.pid))
        findings.files.append(processes.files(stack.pid))
        await asyncio.sleep(INTERVAL)


async def kill_stack(
    stack: Stack, ledger: Ledger, chance: random.Random, findings: Findings, until: float
) -> None:
    """Kills the stack at random moments and checks what it still knows."""
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(1.0, 6.0))
        left = await stack.kill()
        findings.problems += [f"outlived a killed stack: {command}" for command in left]
        findings.stack_kills += 1
        await stack.start()
        await check(stack, ledger, findings)


async def check(stack: Stack, ledger: Ledger, findings: Findings) -> None:
    """What was acknowledged up to now must be there; what goes on meanwhile is not looked at."""
    before = Ledger(notes=dict(ledger.notes), targets=dict(ledger.targets))
    end = time.monotonic() + SETTLED
    while True:
        targets = set(await stack.targets())
        changed = {name for name, was in before.targets.items() if ledger.targets.get(name) != was}
        settled = Ledger(
            notes=before.notes,
            targets={name: was for name, was in before.targets.items() if name not in changed},
        )
        lost = settled.lost(notes=await asyncio.to_thread(kept_notes, stack.state), targets=targets)
        if not lost or time.monotonic() > end:
            break
        await asyncio.sleep(0.5)
    findings.problems += [f"acknowledged and lost: {each}" for each in lost]


def kept_notes(state: Path) -> set[str]:
    """The titles in the store, each with its message: a conversation without it was not acknowledged."""
    store = open_store(f"sqlite:///{state / 'notes.sqlite'}", clock=time.time, lifetime=86400.0)
    found: set[str] = set()
    cursor = ""
    try:
        while True:
            page = store.list("soak", limit=100, cursor=cursor)
            found |= {each.id for each in page.items if each.version > 1}
            cursor = page.cursor
            if not cursor:
                return found
    finally:
        store.close()


async def soak(folder: Path, minutes: float, connections: int, seed: int) -> tuple[Ledger, Findings]:
    """The whole run."""
    chance, ledger, findings = random.Random(seed), Ledger(), Findings()
    stack = Stack(folder, connections=connections)
    await stack.restart_server()
    await stack.start()
    over = asyncio.Event()
    workers = [
        asyncio.create_task(Worker(stack, ledger, over, seed + number).run()) for number in range(connections)
    ]
    try:
        began = time.monotonic()
        first, last = began + 40 * minutes, began + 60 * minutes
        await asyncio.gather(shake(stack, chance, findings, first), measure(stack, findings, first))
        say(f"{findings.kills} kills of compute, {sum(ledger.outcomes.values())} requests so far")
        await kill_stack(stack, ledger, chance, findings, last)
    finally:
        over.set()
        done = await asyncio.gather(*workers, return_exceptions=True)
        findings.problems += [f"a worker broke: {each!r}" for each in done if isinstance(each, Exception)]
        findings.problems += [f"outlived a stopped stack: {command}" for command in await stack.stop()]
    return ledger, findings


def growth(findings: Findings) -> list[str]:
    """What grew over the long phase; the first quarter is for caches to fill."""
    found = []
    quarter = len(findings.memory) // 4
    if quarter >= ENOUGH:
        early, late = max(findings.memory[:quarter]), min(findings.memory[-quarter:])
        if late > MEMORY_GROWTH * early + MEMORY_SLACK:
            found.append(f"memory grew from {early >> 20} to {late >> 20} MiB")
        fewer, more = max(findings.files[:quarter]), min(findings.files[-quarter:])
        if more > fewer + FILES_SLACK:
            found.append(f"open files grew from {fewer} to {more}")
    return found


def say(text: str) -> None:
    """One line of progress."""
    print(f"soak: {text}", flush=True)


def main(arguments: list[str]) -> int:
    """0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args(arguments)
    if not Path("/proc/self/smaps_rollup").exists():
        say("needs /proc, as Linux has it")
        return 2
    say(f"{given.minutes:g} minutes, {given.connections} connections, --seed {given.seed}")
    with tempfile.TemporaryDirectory(prefix="skerry-soak-", ignore_cleanup_errors=True) as folder:
        ledger, findings = asyncio.run(soak(Path(folder), given.minutes, given.connections, given.seed))
    for outcome, count in sorted(ledger.outcomes.items()):
        print(f"  {count:>8}  {outcome}")
    if findings.memory:
        say(
            f"memory {findings.memory[0] >> 20} → {findings.memory[-1] >> 20} MiB,"
            f" open files {findings.files[0]} → {findings.files[-1]}"
        )
    say(f"{findings.kills} kills of compute, {findings.stack_kills} of the stack")
    problems = [*ledger.wrong, *findings.problems, *growth(findings)]
    for problem in problems[:40]:
        say(f"PROBLEM {problem}")
    say(f"{len(problems)} problems" if problems else "nothing found")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
