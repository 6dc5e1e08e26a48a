"""What a process does to have what its session has: environment, sandbox, folder, limits, streams.

Stands alone like `bootstrap.py`, which loads it by path: standard library only, Python 3.10 or newer. As a
program it waits for two messages on standard input, an order and what its session has, and becomes the
command of the order, such as Node. It imports little, because one such process waits for every version.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

# ruff: noqa: PTH100, PTH118, PTH120
HERE = os.path.dirname(os.path.abspath(__file__))

Order = dict[str, Any]


def beside(name: str) -> Any:
    """The module of that name beside this file, under a name that no program has."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"_skerry_{name}", os.path.join(HERE, f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settle(order: Order, spec: Order) -> None:
    """Gives this process what its session has: environment, sandbox, folder and limits."""
    os.environ.clear()
    os.environ.update(spec["environment"])
    if "isolation" in spec:
        beside("sandbox").isolate(order, spec["isolation"])
    os.chdir(order["cwd"])
    limit(spec["limits"])


def limit(limits: dict[str, int]) -> None:
    """Sets resource limits by name; what the system does not know or allow stays as it is."""
    if sys.platform == "win32":
        return
    import resource

    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (lowered, lowered))


def quiet_streams() -> None:
    """Standard input is empty and standard output goes where standard error goes."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)


def line(report: dict[str, Any]) -> bytes:
    return json.dumps(report).encode() + b"\n"


def become_command() -> None:
    """Becomes another program, which gets the channel of reports as an open descriptor.

    What it needs to report its address stands in SKERRY_LISTEN: its contract port and that descriptor.
    """
    channel = os.dup(0)
    quiet_streams()
    with os.fdopen(channel, "rb", closefd=False) as commands:
        order = json.loads(commands.readline() or b"null")
        if order is None:
            return
        os.write(channel, line({"ready": 0}))
        spec = json.loads(commands.readline() or b"null")
    if spec is None:
        return
    settle(order, spec)
    os.environ["SKERRY_LISTEN"] = f"{order['port']} {channel}"
    os.set_inheritable(channel, True)
    os.execv(order["command"][0], [*order["command"], order["entry"]])  # noqa: S606  (of our own making)


if __name__ == "__main__":
    become_command()
