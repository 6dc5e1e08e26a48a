"""What a program imports that is not its own code, found without running it, and imported ahead.

Stands alone like `bootstrap.py`, which loads it by path: standard library only, Python 3.10 or newer.
Imported are modules outside the program's folder, and distributions installed into that folder; the
program's own modules never, because they run once for each session.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.machinery
import itertools
import os
import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping

# os.path is there in any Python that starts; pathlib would be one more import before the program's own.
# ruff: noqa: PTH112, PTH113, PTH118, PTH120, PTH123, PTH202, PTH208

MAX_FILES, MAX_SOURCE, MAX_LEARNED = 500, 1 << 20, 800

CLIENTS = ("client", "resource", "create_client")

# What libraries import only when they run, so that no import statement of a program names it: measured
# from the start of a session to its first answer. A name that a version does not have is passed over.
LATE: dict[str, tuple[str, ...]] = {
    "anyio": (
        "anyio._backends._asyncio",
        "anyio._core._sockets",
        "anyio._core._testing",
        "anyio.lowlevel",
        "anyio.streams.memory",
        "anyio.streams.stapled",
        "anyio.streams.tls",
    ),
    "bedrock_agentcore": ("uvicorn", "bedrock_agentcore.runtime"),
    "fastmcp": (
        "uvicorn",
        "fastmcp.server.context",
        "fastmcp.server.http",
        "fastmcp.server.middleware.dereference",
        "fastmcp.server.providers.prefab_synthesis",
        "fastmcp.server.server",
        "fastmcp.server.sessions",
        "fastmcp.server.transforms.catalog",
        "griffe",
        "jsonref",
        "key_value.aio.adapters.pydantic",
        "key_value.aio.stores.memory",
        "rich.table",
    ),
    "http.client": ("encodings.idna",),
    "httpx2": ("httpcore2",),
    "mcp.server": ("uvicorn", "mcp.server.streamable_http_manager"),
    "starlette": ("anyio",),
    "strands.agent": ("strands.agent._agent_delegation",),
    "uvicorn": (
        "uvicorn.lifespan.on",
        "uvicorn.loops.auto",
        "uvicorn.loops.uvloop",
        "uvicorn.protocols.http.auto",
        "uvicorn.protocols.websockets.auto",
        "uvloop",
    ),
}


def vendored(folder: str) -> set[str]:
    """Top-level names of the distributions installed beside the program (`pip install --target`)."""
    names = set()
    for item in os.listdir(folder):
        if not item.endswith(".dist-info"):
            continue
        path = os.path.join(folder, item, "RECORD")
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as record:
            for line in record:
                top = line.split(",", 1)[0].split("/", 1)[0]
                if top != ".." and not top.endswith(".dist-info"):
                    names.add(top.split(".", 1)[0])
    return names


def own_names(folder: str) -> set[str]:
    """Top-level modules and packages of the program itself. They are never imported ahead."""
    names = {item[:-3] for item in os.listdir(folder) if item.endswith(".py")}
    names |= {
        item for item in os.listdir(folder) if os.path.isfile(os.path.join(folder, item, "__init__.py"))
    }
    return names - vendored(folder)


def is_namespace(top: str, folder: str) -> bool:
    """Whether a name is a plain folder beside the program, which Python takes for a namespace package."""
    if not os.path.isdir(os.path.join(folder, top)):
        return False
    spec = importlib.machinery.PathFinder.find_spec(top)
    return spec is None or spec.origin is None


def runs_at_import(nodes: Iterable[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements that run when a module is imported, in order."""
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from runs_at_import(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from runs_at_import(ast.iter_child_nodes(node))


def parsed(file: str) -> ast.Module | None:
    """A source file; None for what is too long or cannot be read, of which the program will say so itself."""
    try:
        if os.path.getsize(file) > MAX_SOURCE:
            return None
        with open(file, "rb") as source:
            return ast.parse(source.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def imported_names(tree: ast.Module, package: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What a source file imports: dotted names, each with the members taken from it.

    `package` is what its relative imports start from.
    """
    for node in runs_at_import(tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ()
            continue
        parts = package.split(".")
        base = parts[: len(parts) - node.level + 1] if node.level else []
        name = ".".join([*(part for part in base if part), *([node.module] if node.module else [])])
        if name:
            yield name, tuple(alias.name for alias in node.names if alias.name != "*")


def named_services(tree: ast.Module) -> Iterator[str]:
    """The AWS services that a source file names where it makes clients: `boto3.client("s3")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLIENTS:
            named = [word.value for word in node.keywords if word.arg == "service_name"]
            for value in (node.args or named)[:1]:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def files_of(name: str, folder: str) -> Iterator[tuple[str, str]]:
    """The program's files behind a dotted name, packages on the way included: (file, its package)."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        base = os.path.join(folder, *parts[:depth])
        if os.path.isfile(os.path.join(base, "__init__.py")):
            yield os.path.join(base, "__init__.py"), ".".join(parts[:depth])
        elif os.path.isfile(base + ".py"):
            yield base + ".py", ".".join(parts[: depth - 1])


def read(entry: str) -> tuple[dict[str, set[str]], set[str]]:
    """What the program imports that is not its own code, and the AWS services that it names.

    Its own modules are followed from the entry.
    """
    folder = os.path.dirname(entry)
    own, installed = own_names(folder), vendored(folder)
    waiting, seen = [(entry, "")], {entry}
    found: dict[str, set[str]] = {}
    services: set[str] = set()
    while waiting and len(seen) < MAX_FILES:
        file, package = waiting.pop(0)
        tree = parsed(file)
        if tree is None:
            continue
        services.update(named_services(tree))
        for name, members in imported_names(tree, package):
            top = name.partition(".")[0]
            if top not in own and (top in installed or not is_namespace(top, folder)):
                found.setdefault(name, set()).update(members)
                continue
            for below in (name, *(f"{name}.{member}" for member in members)):
                fresh = [item for item in files_of(below, folder) if item[0] not in seen]
                seen.update(path for path, _ in fresh)
                waiting += fresh
    return found, services


def tasks() -> int:
    """Threads of this process, those that Python does not know included."""
    return len(os.listdir("/proc/self/task")) if sys.platform == "linux" else threading.active_count()


def import_ahead(imports: Mapping[str, Collection[str]], skip: Collection[str]) -> str:
    """Imports what the program will import. Returns the name whose import started a thread, or ''."""
    queue = [(name, set(members)) for name, members in imports.items()]
    done: set[str] = set()
    while queue:
        name, members = queue.pop(0)
        if name in done:
            continue
        done.add(name)
        for wanted in (name, *sorted(f"{name}.{member}" for member in members)):
            if any(wanted == other or wanted.startswith(other + ".") for other in skip):
                break
            before = tasks()
            import_one(wanted, required=wanted == name)
            if tasks() > before:
                return wanted
        queue += [(late, set()) for key, names in LATE.items() if key in sys.modules for late in names]
    return ""


def imported_since(known: int, folder: str) -> list[str]:
    """Modules that are not the program's own and came after the first `known`, in the order of their import.

    Only those are looked at: to look at an object is to write to its page, which is then shared no more.
    """
    own, installed = own_names(folder), vendored(folder)
    newest = list(itertools.islice(reversed(sys.modules), max(len(sys.modules) - known, 0)))
    names = []
    for name in reversed(newest):
        top = name.partition(".")[0]
        file = getattr(sys.modules[name], "__file__", None) or ""
        inside = file.startswith(folder + os.sep) and not file.startswith(sys.prefix + os.sep)
        if top not in own and (top in installed or not inside) and file and name.isascii():
            names.append(name)
    return names[:MAX_LEARNED]


def import_one(name: str, *, required: bool) -> None:
    """Imports a module, or a member of one that may be a module.

    A failure is left to the program, which meets it again and says so.
    """
    parent, _, member = name.rpartition(".")
    try:
        if required or not hasattr(sys.modules.get(parent), member):
            importlib.import_module(name)
    except (Exception, SystemExit):  # noqa: BLE001, S110  (third-party code may raise anything here)
        pass


def forget_own(folder: str) -> None:
    """Drops what has a name of the program's own, so that the program gets its own module, and fresh."""
    own = {name for name in own_names(folder) if name in sys.modules} - {"__main__"}
    for name in list(sys.modules) if own else ():
        if name.partition(".")[0] in own:
            del sys.modules[name]
