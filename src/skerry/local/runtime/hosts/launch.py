"""What a session process is given: an environment of its own, a home and a temporary folder."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.runtime.hosts import nodejs
from skerry.local.runtime.hosts.containers import HOST, Image
from skerry.local.runtime.hosts.engine import find
from skerry.local.runtime.hosts.program import Program
from skerry.local.runtime.record import LOCAL_PREFIX, NODE, Runtime
from skerry.local.runtime.settings import RuntimeSettings
from skerry.local.runtime.storage import forget_old
from skerry.local.state import private
from skerry.wire.endpoints import invocation_url

ROOMS, HOMES, CODE, STORAGE = "sessions", "homes", "code", "storage"
ENGINE = "containers"
"""The file that says that this stack has run containers."""
STORAGE_VARIABLE = "SKERRY_SESSION_STORAGE"
"""The environment variable with the folder of the first mount path, wherever a program can see it."""
_SANDBOX = Path(__file__).with_name("sandbox.py")


@dataclass(frozen=True, slots=True)
class Room:
    """The folders of one session, 0700, removed with it."""

    path: Path

    @classmethod
    def make(cls, below: Path) -> Room:
        """A fresh room. Its name is random: a session id is no file name."""
        path = below / secrets.token_hex(8)
        for folder in (path, path / "home", path / "tmp"):
            folder.mkdir(mode=0o700, parents=folder == path)
        return cls(path)

    def environment(self) -> dict[str, str]:
        """HOME and the temporary folder, by the names that POSIX and Windows use."""
        home, temporary = str(self.path / "home"), str(self.path / "tmp")
        if os.name == "nt":
            return {"USERPROFILE": home, "TEMP": temporary, "TMP": temporary}
        return {"HOME": home, "TMPDIR": temporary}

    def remove(self) -> None:
        """Deletes the folders and all in them. Blocks on the disk."""
        shutil.rmtree(self.path, ignore_errors=True)


def prepare(settings: RuntimeSettings) -> None:
    """Makes the plane's folders, 0700, and removes what sessions of a killed stack left. Blocks.

    So are containers that it left. Raises StateError.
    """
    state = settings.state
    if (state / ENGINE).exists():
        left = find(settings.engine, settings.engine_environment)
        if left is not None:
            left.remove_left(stack_name(state))
            (state / ENGINE).unlink()
    shutil.rmtree(state / ROOMS, ignore_errors=True)
    for folder in (state, state / ROOMS, state / HOMES, state / CODE, state / STORAGE):
        private.folder(folder)
    forget_old(state / STORAGE)


def program(
    runtime: Runtime, folder: Path, entry: Path, settings: RuntimeSettings, *, node: str = ""
) -> Program:
    """The program of a runtime version, with what all its processes share; `node` runs Node code."""
    home = _home(runtime, settings)
    for below in (home, home / "home", home / "tmp"):
        below.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Program(
        python=runtime.environment.get(LOCAL_PREFIX) or settings.python,
        folder=folder,
        entry=entry,
        port=runtime.port,
        environment={**shared(runtime, settings), **Room(home).environment()},
        command=nodejs.command(node) if node else (),
        read=nodejs.read(node, folder) if node else (),
    )


def _home(runtime: Runtime, settings: RuntimeSettings) -> Path:
    return settings.state / HOMES / f"{runtime.id}-{runtime.version}"


def shared(runtime: Runtime, settings: RuntimeSettings) -> dict[str, str]:
    """The environment that does not depend on the session; what the record says wins.

    Nothing is inherited but `settings.environment`. DOCKER_CONTAINER is left out: with it the SDK would
    bind all interfaces.
    """
    endpoint_arn = f"{runtime.arn}/runtime-endpoint/{runtime.qualifier}"
    environment = {
        "PATH": os.defpath,
        **settings.environment,
        **_language(runtime, settings),
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_ENDPOINT_URL": settings.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "OTEL_RESOURCE_ATTRIBUTES": f"cloud.resource_id={endpoint_arn}",
        **_card_url(runtime, settings),
        **runtime.environment,
    }
    for name in (LOCAL_PREFIX, NODE, "DOCKER_CONTAINER"):
        environment.pop(name, None)
    return environment


def _language(runtime: Runtime, settings: RuntimeSettings) -> dict[str, str]:
    """Python prints at once; Node keeps what it compiled for the next session, where it may write there."""
    if runtime.language != "NODE":
        return {"PYTHONUNBUFFERED": "1"}
    if settings.sandbox == "namespaces":
        return {}
    return {"NODE_COMPILE_CACHE": str(_home(runtime, settings) / "compiled")}


def _card_url(runtime: Runtime, settings: RuntimeSettings) -> dict[str, str]:
    """Where clients reach an A2A program: the SDK writes it into the agent card."""
    if runtime.protocol.name != "A2A":
        return {}
    url = invocation_url(settings.endpoint, runtime.arn, qualifier=runtime.qualifier)
    return {"AGENTCORE_RUNTIME_URL": url.removesuffix("?qualifier=DEFAULT")}


def environment(
    runtime: Runtime, settings: RuntimeSettings, credentials: Credentials, room: Room
) -> Mapping[str, str]:
    """The environment of one session: the shared one, its own credentials and folders."""
    own = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        **({"AWS_SESSION_TOKEN": credentials.session_token} if credentials.session_token else {}),
    }
    return {**own, **shared(runtime, settings), **room.environment()}


def container_environment(
    runtime: Runtime, settings: RuntimeSettings, credentials: Credentials
) -> Mapping[str, str]:
    """The environment of a session's container: nothing of this machine but the stack's endpoint.

    DOCKER_CONTAINER lets the SDK bind all interfaces of the container, as AWS's own image template has it.
    """
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        **({"AWS_SESSION_TOKEN": credentials.session_token} if credentials.session_token else {}),
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_ENDPOINT_URL": settings.endpoint.replace("127.0.0.1", HOST),
        "AWS_EC2_METADATA_DISABLED": "true",
        "DOCKER_CONTAINER": "1",
        "OTEL_RESOURCE_ATTRIBUTES": f"cloud.resource_id={runtime.arn}/runtime-endpoint/{runtime.qualifier}",
        **runtime.environment,
    }


def image(runtime: Runtime, settings: RuntimeSettings) -> Image:
    """What a container engine is to run for a runtime version."""
    return Image(
        uri=runtime.image,
        port=runtime.port,
        memory=max(settings.memory, runtime.memory),
        processes=settings.processes,
        stack=stack_name(settings.state),
    )


def stack_name(state: Path) -> str:
    """What tells the containers of this stack from those of others."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:16]


def remember_engine(state: Path) -> None:
    """Notes that there may be containers to remove after this stack was killed. Blocks."""
    (state / ENGINE).touch(mode=0o600)


def isolation(settings: RuntimeSettings, room: Room, mounts: Mapping[str, Path]) -> dict[str, Any]:
    """What `sandbox.py` makes of a session process before it becomes the program; empty for nothing.

    `mounts` are folders by the path at which the program is to see them.
    """
    wanted: dict[str, Any] = {}
    if mounts:
        wanted |= {
            "mounts": {mount.rstrip("/"): str(folder) for mount, folder in mounts.items()},
            "variable": STORAGE_VARIABLE,
        }
    if settings.sandbox == "namespaces":
        wanted |= {
            "hide": [str(path) for path in settings.hidden],
            "write": [str(room.path)],
            "processes": settings.processes,
        }
    return wanted


def inside(argv: Sequence[str], isolation: Mapping[str, Any]) -> list[str]:
    """`argv` begun under the isolation of a session's program: with its mounts, in its sandbox."""
    if not isolation:
        return list(argv)
    return [sys.executable, "-I", "-S", str(_SANDBOX), json.dumps(isolation), *argv]


def volumes(room: Room, mounts: Mapping[str, Path]) -> dict[str, Any]:
    """What a container is given: the folder of its session, and its storage by the path in the container."""
    return {
        "room": str(room.path),
        "mounts": {mount.rstrip("/"): str(folder) for mount, folder in mounts.items()},
    }
