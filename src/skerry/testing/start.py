"""A stack for as long as a block runs."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from skerry.errors import ProgramError
from skerry.testing import program
from skerry.testing.report import Marks
from skerry.testing.stack import Stack

READY_WITHIN = 90.0
"""Seconds until a stack has to be ready. A few are usual; a busy machine of a CI service may need many."""

_live: list[tuple[Stack, Marks]] = []


@contextlib.contextmanager
def running(
    file: str | Path | None = None,
    *,
    state: str | Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
    strict: bool = True,
    timeout: float = READY_WITHIN,
) -> Iterator[Stack]:
    """Runs what `file` declares on a free port, in a process of its own that ends with the block.

    `file` is a skerry.toml; without one it is what `skerry up` takes here. `state` is the folder of its logs,
    hops and records, which is kept; without one it is a temporary one. The stack gets the environment of the
    tests without AWS_… and SKERRY_…, and `environment` over that. With `strict` nothing may have failed when
    it is ready, such as a gateway's target. Plain and asynchronous tests can use it alike.

    Raises ConfigurationError at once when the file is wrong; another SkerryError, with the next move and the
    end of the logs as notes, when the stack is not ready within `timeout` seconds or something of it failed.
    """
    with contextlib.ExitStack() as left:
        if state is None:
            made = tempfile.TemporaryDirectory(prefix="skerry-", ignore_cleanup_errors=True)
            state = left.enter_context(made)
        folder = Path(state).resolve()
        around = program.surroundings(os.environ, environment)
        options = (["--file", str(Path(file).resolve())] if file is not None else []) + ["--strict"] * strict
        facts = left.enter_context(program.up(options, around, state=folder, timeout=timeout))
        if strict:
            _check(facts, folder)
        around["SKERRY_STATE"] = str(folder)
        told = json.loads(program.run(["env", "--json"], around, timeout=timeout))
        stack = Stack.of(facts, told, around)
        entry = (stack, Marks.now(time.time(), stack))
        _live.append(entry)
        left.callback(_live.remove, entry)
        yield stack


def live() -> tuple[tuple[Stack, Marks], ...]:
    """The stacks that `running` runs in this process now, and the moment when each was ready: for reports."""
    return tuple(_live)


def _check(facts: Mapping[str, Any], state: Path) -> None:
    failed = [one for one in facts["problems"] if one["failed"]]
    if failed:
        told = "; ".join(f"{one['kind']} {one['name']} {one['status']}: {one['reason']}" for one in failed)
        raise program.with_logs(ProgramError(told, hint=failed[0]["hint"]), state)
