"""Runs an agent program in a session process. Started by path, by the program's own interpreter.

This file stands alone: the interpreter may be another Python (3.10 or newer) without skerry. It is
started as `python bootstrap.py MODE` and told what to do by one JSON message on standard input.

    warm     a warm parent: imports what the program imports, then forks a child for every order that
             comes with two file descriptors, the child's control channel and its output. Linux only.
    single   imports the same, then waits on standard input for the order to become the program itself.

A child then becomes `python main.py`: same `sys.argv` and `sys.path`, an environment of its own, its own
process group. The program is not changed. What it binds to its contract port (8080, 8000 …) is bound to a
free port of the loopback instead, and that port is reported when the program listens.
"""

from __future__ import annotations

import os
import sys

# ruff: noqa: E402, PTH100, PTH118, PTH120, PTH123, PTH208
# The folder of this file is no business of the program.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if entry != HERE]

import builtins
import contextlib
import ctypes
import gc
import importlib.machinery
import importlib.util
import json
import random
import select
import signal
import socket
import tempfile
import threading
import time
import traceback
import types
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import IO, Any

PARENT_DEATH, SUBREAPER = 1, 36  # prctl(2)
MAX_MESSAGE = 1 << 16
TRIAL = 10  # seconds

Order = dict[str, Any]
Report = Callable[[dict[str, Any]], object]

# What stands beside this file is loaded by path, under names that no program has.
_spec = importlib.util.spec_from_file_location("_skerry_surroundings", os.path.join(HERE, "surroundings.py"))
assert _spec is not None
assert _spec.loader is not None
surroundings = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(surroundings)
ahead, contract_port = surroundings.beside("ahead"), surroundings.beside("contract_port")
rehearsal = surroundings.beside("rehearsal")


# --- becoming the program ---------------------------------------------------------------------------


def become(order: Order, spec: Order, report: Report, commands: IO[bytes] | None = None) -> None:
    """Turns this process into the program of a session, and runs it to its end.

    With the address it reports what the program has imported by then beyond what was imported ahead. It ends
    when `commands`, where there are any, closes.
    """
    folder = os.path.dirname(order["entry"])

    def listening(address: dict[str, Any]) -> None:
        report({**address, "imported": ahead.imported_since(known, folder)})

    surroundings.settle(order, spec)
    if commands is not None:  # only now: a process with threads cannot leave its namespaces
        threading.Thread(target=end_with, args=(commands.read,), daemon=True).start()
    if hasattr(time, "tzset"):
        time.tzset()
    tempfile.tempdir = None
    random.seed()
    gc.enable()
    contract_port.move(order["port"], listening)
    ahead.forget_own(folder)
    known = len(sys.modules)
    run(order["entry"])


def run(entry: str) -> None:
    """`python entry`: the file as `__main__`. An exception is printed without the frames of this file."""
    main = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", entry)
    main.__dict__.update(__file__=entry, __builtins__=builtins, __loader__=loader, __cached__=None)
    sys.modules["__main__"] = main
    sys.argv[:] = [entry]
    try:
        with open(entry, "rb") as source:
            code = compile(source.read(), entry, "exec", dont_inherit=True)
        exec(code, main.__dict__)  # noqa: S102
    except Exception as problem:  # noqa: BLE001  (the outermost place of this process)
        frames = problem.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        traceback.print_exception(type(problem), problem, frames)
        sys.stderr.flush()
        sys.exit(1)


def prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def die_with(parent: int) -> None:
    """Ends this process when its parent ends, also when the parent is killed; Linux only."""
    if sys.platform == "linux":
        prctl(PARENT_DEATH, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def prepare_path(order: Order) -> None:
    folder = os.path.dirname(order["entry"])
    sys.path[:0] = [folder] if folder == order["cwd"] else [folder, order["cwd"]]


def import_ahead(order: Order, *, lend: bool = False) -> str:
    """Imports what the program will import; the collector of garbage rests until a session runs.

    Returns the name whose import started a thread, or ''. With `lend` the files that clients of AWS are made
    from are parsed too, which pays where sessions share them.

    What imports make stays: looking through it takes a fifth of their time and finds little, and memory that
    is given back before a fork is written to after it (Python's documentation of `gc.freeze`).
    """
    gc.disable()
    imports, services = ahead.read(order["entry"])
    culprit: str = ahead.import_ahead(imports, order["skip"])
    if not culprit:
        rehearse(services if lend else None)
    gc.freeze()
    return culprit


def rehearse(services: Iterable[str] | None) -> None:
    """Does ahead what every session would do; for clients of `services`, unless it is None."""
    rehearsal.rehearse()
    if services is not None:
        rehearsal.lend(services)
    if sys.version_info < (3, 12):  # each name in this cache is written to when a session replaces it
        sys._clear_type_cache()  # noqa: SLF001


# --- single -----------------------------------------------------------------------------------------


def single() -> None:
    commands = os.fdopen(os.dup(0), "rb")
    reports = os.dup(1)
    surroundings.quiet_streams()
    die_with(os.getppid())
    order = json.loads(commands.readline() or b"null")
    if order is None:
        return
    prepare_path(order)
    import_ahead(order)
    os.write(reports, surroundings.line({"ready": len(sys.modules)}))
    spec = json.loads(commands.readline() or b"null")
    if spec is None:
        return
    prctl(PARENT_DEATH, 0)  # it would end this process alone, the thread ends the whole group
    become(order, spec, lambda report: os.write(reports, surroundings.line(report)), commands)


def end_with(wait: Callable[[], object]) -> None:
    """Ends this process and its group when whoever gave the order is gone."""
    wait()
    if sys.platform != "win32":
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


# --- the warm parent --------------------------------------------------------------------------------

if sys.platform == "linux":

    def kill_group(pid: int, number: int) -> None:
        # The group does not exist before the child has called setsid, hence the second attempt.
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, number)

    def orphans(known: Collection[int]) -> Iterator[int]:
        """Processes that were handed to us because the session that started them ended."""
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) not in known:
                with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as stat:
                    if int(stat.read().rpartition(b")")[2].split()[1]) == os.getpid():
                        yield int(name)

    def reap(children: set[int]) -> Iterator[tuple[int, int]]:
        """Collects ended children and ends what they left behind; yields (pid, exit code) of sessions."""
        while True:
            try:
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if info is None:
                return
            pid = info.si_pid
            if pid in children:
                kill_group(pid, signal.SIGKILL)  # before the number is free for somebody else
            os.waitpid(pid, 0)
            for orphan in orphans(children):
                kill_group(orphan, signal.SIGKILL)
            if pid in children:
                children.discard(pid)
                yield pid, info.si_status if info.si_code == os.CLD_EXITED else -info.si_status

    def tell(control: socket.socket, report: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more: `serve` sees that next
            control.send(json.dumps(report).encode())

    def fork(control: socket.socket, closing: Iterable[int]) -> int:
        """Forks; 0 in the child, which has given up what belongs to the parent."""
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            die_with(parent)
            prctl(SUBREAPER, 1)
            control.close()
            for end in closing:
                os.close(end)
        return pid

    def learn(names: list[str]) -> bool:
        """Imports what sessions were seen to import late; tried in a child first, which may start threads."""
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.alarm(TRIAL)
        elif os.waitpid(pid, 0)[1] != 0:
            return False
        for name in names:
            ahead.import_one(name, required=True)
        rehearse(())
        alone: bool = ahead.tasks() == 1
        if pid == 0:
            os._exit(0 if alone else 1)
        gc.freeze()
        return alone

    def serve(control: socket.socket) -> list[int]:
        """Forks on order until the other side closes. Returns in the child, with what came for it."""
        children: set[int] = set()
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        while True:
            watched: list[Any] = [control, woken]
            ready = select.select(watched, [], [])[0]
            if woken in ready:
                os.read(woken, 4096)
                for pid, code in reap(children):
                    tell(control, {"ended": pid, "code": code})
            if control not in ready:
                continue
            message, passed, _, _ = socket.recv_fds(control, MAX_MESSAGE, 2, socket.MSG_CMSG_CLOEXEC)
            if not message:
                break
            order = json.loads(message)
            if "signal" in order and order["pid"] in children:
                kill_group(order["pid"], order["signal"])
            if "learn" in order:
                tell(control, {"learned": learn(order["learn"]), "alone": ahead.tasks() == 1})
            if "fork" in order:
                pid = fork(control, (woken, wake))
                if pid == 0:
                    return passed
                children.add(pid)
                for end in passed:
                    os.close(end)
                tell(control, {"forked": order["fork"], "pid": pid})
        end_all(children)
        os._exit(0)

    def end_all(children: set[int]) -> None:
        for pid in children:
            kill_group(pid, signal.SIGKILL)
        while children:
            for _ in reap(children):
                pass
            time.sleep(0.001)

    def warm() -> None:
        control = socket.socket(fileno=os.dup(0))
        surroundings.quiet_streams()
        die_with(os.getppid())
        prctl(SUBREAPER, 1)
        order = json.loads(control.recv(MAX_MESSAGE) or b"null")
        if order is None:
            return
        prepare_path(order)
        culprit = import_ahead(order, lend=True)
        if culprit or ahead.tasks() > 1:
            tell(control, {"threads": culprit})
            return
        prctl(PARENT_DEATH, 0)  # from here on the closed channel tells, and our children end first
        tell(control, {"ready": len(sys.modules)})
        channel, output = serve(control)
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        with socket.socket(fileno=os.dup(channel)).makefile("rb") as lines:
            spec = json.loads(lines.readline() or b"null")
        if spec is not None:
            become(order, spec, lambda report: os.write(channel, surroundings.line(report)))


if __name__ == "__main__":
    if sys.argv[1] == "single":
        single()
    elif sys.platform == "linux":
        warm()
