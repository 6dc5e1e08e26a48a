"""Linux namespaces around a session process: session storage at its mount path, and the sandbox.

Stands alone like `bootstrap.py`, which loads it by path: standard library only, Python 3.10 or newer. As a
program (`sandbox.py ORDER ARGV…`) it becomes a command of a session. No root is needed, only a kernel that
lets users make namespaces (user_namespaces(7)).

    mounts      a private view of the file system in which folders appear at their mount paths
    sandbox     that, and: nothing can be written but the session's folders; hidden folders are empty; other
                processes are not seen, signalled or traced; no capability, no new privileges

The network stays that of the machine: a program may call out, and can reach what listens on the loopback.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import struct
import sys
from collections.abc import Iterable
from typing import Any

assert sys.platform == "linux"  # nobody imports it elsewhere; its types are those of Linux

# os.path is there in any Python that starts; pathlib would be one more import before the program's own.
# ruff: noqa: PTH109, PTH112, PTH118, PTH120, PTH123, PTH208, PTH103, PTH110

NEWNS, NEWIPC, NEWUSER, NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000  # unshare(2)
BIND, REC, PRIVATE, NOSUID, NODEV, NOEXEC = 0x1000, 0x4000, 0x40000, 2, 4, 8  # mount(2)
SET_ATTRIBUTES, RECURSIVE, READ_ONLY, HERE = 442, 0x8000, 1, -100  # mount_setattr(2)
PARENT_DEATH, GET_PARENT_DEATH, DROP_BOUNDING, NO_NEW_PRIVILEGES = 1, 2, 24, 38  # prctl(2)
CAPABILITIES = 0x20080522  # capget(2), _LINUX_CAPABILITY_VERSION_3
MOUNTS = "/mnt"
SCRATCH = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  (made private here)
HOMES = ("/home", "/root", "/media", MOUNTS)
SOCKETS = (
    "/run/user",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
)

Order = dict[str, Any]


def isolate(order: Order, wanted: Order) -> None:
    """Does what `wanted` orders to the process that becomes the program of `order`, or ends the process.

    What `enter` adds to the environment is added to this process's.
    """
    enter_or_end(wanted, [os.path.dirname(order["entry"]), order["cwd"], *order.get("read", ()), *sys.path])


def become(wanted: Order, argv: list[str]) -> None:
    """Does what `wanted` orders to this process and becomes the program of `argv`, or ends the process."""
    folder = os.getcwd()
    enter_or_end(wanted, [folder])
    os.chdir(folder)  # as it is seen from inside
    os.execvp(argv[0], argv)  # noqa: S606  (a command of the session's own caller)


def enter_or_end(wanted: Order, paths: list[str]) -> None:
    """As `enter`, with the interpreter among the paths; the process ends when there can be no sandbox."""
    interpreter = os.path.dirname(os.path.realpath(sys.executable))
    program = [*paths, sys.prefix, sys.base_prefix, interpreter]
    try:
        os.environ.update(enter(wanted, [path for path in program if path]))
    except OSError as problem:
        sys.stderr.write(f"skerry: this program cannot be put into a sandbox here: {problem}\n")
        sys.stderr.flush()
        os._exit(1)


def enter(wanted: Order, program: Iterable[str]) -> dict[str, str]:
    """Does what `wanted` orders to this process; returns what its environment gains.

    `program` are the paths that the program is read from. Without sandbox a system that does not allow
    mounts is told on standard error, and the storage is where the variable says. In a sandbox this returns
    in a grandchild, which becomes the program, while this process waits for its end. Raises OSError when
    there can be no sandbox.
    """
    mounts: dict[str, str] = wanted.get("mounts", {})
    if "hide" in wanted:
        unshare(NEWUSER | NEWNS | NEWPID | NEWIPC)
        become_first()
        separate(wanted, mounts, program)
        give_up()
        become_child()
        limit_processes(wanted["processes"])
        return {wanted["variable"]: next(iter(mounts))} if mounts else {}
    try:
        try_out(mounts)
        unshare(NEWUSER | NEWNS)
        show(mounts)
    except OSError as problem:
        sys.stderr.write(
            f"skerry: this system does not let a program have a mount of its own ({problem.strerror}): "
            f"session storage is in ${wanted['variable']}, not at {', '.join(mounts)}\n"
        )
        return {wanted["variable"]: next(iter(mounts.values()))}
    give_up()
    return {wanted["variable"]: next(iter(mounts))}


# --- system calls -----------------------------------------------------------------------------------


def check(result: int, what: str) -> None:
    """Raises OSError with the system's reason when a call failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def try_out(mounts: dict[str, str]) -> None:
    """Raises OSError where mounts are not allowed.

    Tried in a child: some systems let users make namespaces and then allow nothing in them, and there is no
    way back.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "namespaces need Linux")
    pid = os.fork()
    if not pid:
        number = 0
        try:
            unshare(NEWUSER | NEWNS)
            show(mounts)
        except OSError as problem:
            number = problem.errno or errno.EPERM
        os._exit(number)
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if number:
        raise OSError(abs(number), os.strerror(abs(number)))


def unshare(what: int) -> None:
    """Leaves the namespaces of the parent; the user keeps its number. The process has one thread."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "namespaces need Linux")
    user, group, death = os.geteuid(), os.getegid(), ctypes.c_int()
    libc().prctl(GET_PARENT_DEATH, ctypes.byref(death), 0, 0, 0)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise OSError(errno.EINVAL, f"what it imports has started {threads - 1} threads already")
    check(libc().unshare(what), "unshare")
    libc().prctl(PARENT_DEATH, death.value, 0, 0, 0)  # a change of credentials may have cleared it
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    mount(None, "/", None, REC | PRIVATE)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    check(libc().mount(*encoded, ctypes.c_ulong(flags), os.fsencode(data) or None), f"mount {target}")


def set_read_only(target: str, *, recursive: bool = False, clear: bool = False) -> None:
    attributes = struct.pack("=4Q", 0 if clear else READ_ONLY, READ_ONLY if clear else 0, 0, 0)
    flags = RECURSIVE if recursive else 0
    result = libc().syscall(
        ctypes.c_long(SET_ATTRIBUTES),
        ctypes.c_int(HERE),
        os.fsencode(target),
        ctypes.c_uint(flags),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    check(result, f"mount_setattr {target}")


def give_up() -> None:
    """No capability is left in the new namespace, and none can be gained by running something."""
    for number in range(64):
        if libc().prctl(DROP_BOUNDING, number, 0, 0, 0) < 0:
            break  # past the last one that this kernel has
    check(libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no_new_privs")
    header, nothing = struct.pack("=Ii", CAPABILITIES, 0), bytes(24)
    check(libc().capset(header, nothing), "capset")


# --- processes --------------------------------------------------------------------------------------


def become_first() -> None:
    """Returns in a child, process 1 of the new namespace; this process waits and ends as that one does."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        wait_for(pid)
    libc().prctl(PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
    if os.getppid() not in (0, parent):  # it is seen as 0 from inside
        os._exit(1)


def become_child() -> None:
    """Returns in a child; process 1 itself only collects what ends, and ends with that child.

    Process 1 would ignore the signals that it does not handle, SIGTERM included.
    """
    pid = os.fork()
    if pid:
        wait_for(pid)


def wait_for(pid: int) -> None:
    """Collects ended children until `pid` ends, then ends with its exit code, 128 + N for signal N."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        with contextlib.suppress(InterruptedError):
            ended, status = os.wait()
            if ended == pid:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)


def limit_processes(number: int) -> None:
    """The most processes of this session; older kernels would count all of the user's."""
    import resource

    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
    if release >= (5, 14):
        resource.setrlimit(resource.RLIMIT_NPROC, (number, number))


# --- what is seen of the file system ----------------------------------------------------------------


def show(mounts: dict[str, str]) -> None:
    """Lets folders appear at mount paths below /mnt; what is there stays."""
    missing = [path for path in mounts if not os.path.isdir(path)]
    if missing:
        kept = {name: hold(os.path.join(MOUNTS, name)) for name in os.listdir(MOUNTS)}
        folders = [hold(folder) for folder in mounts.values()]  # they may be below /mnt themselves
        mount("tmpfs", MOUNTS, "tmpfs", NOSUID | NODEV, "mode=0755,size=1m")
        for name, held in kept.items():
            put(held, os.path.join(MOUNTS, name))
    else:
        folders = [hold(folder) for folder in mounts.values()]
    for path, held in zip(mounts, folders, strict=True):
        put(held, path)


def separate(wanted: Order, mounts: dict[str, str], program: Iterable[str]) -> None:
    """The view of a sandbox. Of a folder and one inside it, what is said of the inner one holds."""
    writable = wanted["write"]
    shown = {
        path: hold(path) for path in {*map(os.path.realpath, program), *writable} if os.path.exists(path)
    }
    stored = {path: hold(folder) for path, folder in mounts.items()}
    hidden = {os.path.realpath(path) for path in (*wanted["hide"], *HOMES, *SCRATCH, *SOCKETS)}
    hidden.discard("/")
    for path in sorted({*shown, *stored, *hidden}, key=lambda path: path.count("/")):
        if path in shown:
            put(shown[path], path)
        elif path in stored:
            put(stored[path], path)
        elif os.path.isdir(path):
            mount(
                "tmpfs",
                path,
                "tmpfs",
                NOSUID | NODEV,
                "mode=0700" if path not in SCRATCH else "mode=0700,size=50%",
            )
        elif os.path.exists(path):
            mount("/dev/null", path, None, BIND)
    mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC)
    set_read_only("/", recursive=True)
    for path in (*writable, *mounts, *SCRATCH):
        if os.path.ismount(path):
            set_read_only(path, clear=True)


def hold(path: str) -> int:
    """A descriptor that means the file or folder whatever is mounted over its path later."""
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def put(held: int, path: str) -> None:
    """Lets what is held appear at `path`, which is made where it is missing; lets go of it."""
    source = f"/proc/self/fd/{held}"
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    elif not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    mount(source, path, None, BIND | REC)
    os.close(held)


if __name__ == "__main__":
    become(json.loads(sys.argv[1]), sys.argv[2:])
