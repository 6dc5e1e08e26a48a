"""`skerry.toml`: what a stack runs, as frozen dataclasses.

    [realms.NAME]                     an issuer; [realms.NAME.clients.ID] its OAuth clients
    [services.NAME]                   a program that listens on a port of its own
    [functions.NAME]                  a Lambda function: path and handler, or web, a web server's command
    [functions.NAME.url]              its Function URL
    [runtimes.NAME]                   an agent or MCP server, Python or Node: path, entry_point, protocol …
    [gateways.NAME]                   an MCP gateway; [gateways.NAME.targets.TARGET] what is behind it
    [seeds]                           AWS API calls that fill the embedded cloud
    [models]                          who answers Converse: the offline router, a server, or AWS
    [sessions]                        limits and separation of runtime sessions
    [stack]                           region; permissions: enforce, warn or off
    [traces]                          endpoint: the OTLP collector that spans are sent to, over HTTP
    [guardrails.NAME]                 what ApplyGuardrail answers: words, patterns, topics, rules

Paths are relative to the file. Every string may refer to what the stack knows only when it runs, as
`${gateways.tools.url}`; see `references.py`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError
from skerry.local.models.guardrails.rules import Guardrail
from skerry.settings import SessionsSettings
from skerry.settings.local import PERMISSIONS, Permissions
from skerry.settings.sessions import SANDBOXES
from skerry.stack.declared import functions, gateways, guardrails, programs, realms
from skerry.stack.declared.access import Authorizer, authorizer
from skerry.stack.declared.functions import Function
from skerry.stack.declared.gateways import Gateway
from skerry.stack.declared.realms import Realm
from skerry.stack.declared.table import Table

RUNTIME_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,47}")
SERVICE_NAME = re.compile(r"(?!(?:up|idp|endpoint)$)[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""What can name a log; the three are the stack's own."""
MOUNT_PATH = re.compile(r"/mnt/(?!\.\.?/?$)[a-zA-Z0-9._-]+/?")
PROTOCOLS = ("HTTP", "MCP", "A2A", "AGUI")


@dataclass(frozen=True, slots=True)
class Service:
    """A program that serves HTTP on the port it is given as PORT."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class Runtime:
    """An agent runtime: a program that speaks the container contract of its protocol."""

    name: str
    path: Path
    entry_point: tuple[str, ...]
    protocol: str
    authorizer: Authorizer
    environment: Mapping[str, str]
    headers: tuple[str, ...]
    idle_timeout: int
    max_lifetime: int
    python: str
    description: str
    session_storage: str = ""
    node: str = ""
    language: str = "PYTHON"


@dataclass(frozen=True, slots=True)
class Models:
    """Who answers Converse: `router`, `openai` (with `url`) or `aws`."""

    backend: str = "router"
    url: str = ""
    model: str = ""
    api_key_env: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A whole file."""

    file: Path
    region: str
    permissions: Permissions | None
    realms: Mapping[str, Realm]
    services: Mapping[str, Service]
    functions: Mapping[str, Function]
    runtimes: Mapping[str, Runtime]
    gateways: Mapping[str, Gateway]
    seeds: tuple[Path, ...]
    models: Models
    guardrails: Mapping[str, Guardrail]
    sessions: Mapping[str, Any]
    traces: str = ""


def load(file: Path) -> Declaration:
    """The declaration in `file`. Raises ConfigurationError, which names table and key."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}.",
            hint="Name another with --file; without --file it is skerry.toml here, else the bundled desk.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}.") from error
    return parse(data, file=file)


def parse(data: Mapping[str, Any], *, file: Path) -> Declaration:
    """The declaration of parsed TOML; `file` gives the folder of relative paths."""
    top = Table(data, name="", file=file)
    stack = top.table("stack")
    seeds = top.table("seeds")
    models = top.table("models")
    sessions = top.table("sessions")
    traces = top.table("traces")
    found = Declaration(
        file=file,
        region=stack.text("region", ""),
        permissions=_permissions(stack),
        realms=realms.read(top.mapping("realms"), file),
        services={name: _service(part, name) for name, part in top.tables("services")},
        functions={name: functions.read(part, name) for name, part in top.tables("functions")},
        runtimes={name: _runtime(part, name) for name, part in top.tables("runtimes")},
        gateways={name: gateways.read(part, name) for name, part in top.tables("gateways")},
        seeds=tuple(seeds.path(item) for item in seeds.texts("files")),
        models=Models(
            backend=models.choice("backend", ("router", "openai", "aws"), "router"),
            url=models.text("url", ""),
            model=models.text("model", ""),
            api_key_env=models.text("api_key_env", ""),
        ),
        guardrails={name: guardrails.read(part, name) for name, part in top.tables("guardrails")},
        sessions=_sessions(sessions),
        traces=traces.text("endpoint", ""),
    )
    for part in (stack, seeds, models, sessions, traces, top):
        part.finish()
    _check_names(found)
    return found


def _permissions(part: Table) -> Permissions | None:
    """What becomes of requests that policies do not allow; None leaves it to SKERRY_IAM."""
    chosen = part.choice("permissions", PERMISSIONS, "") if part.has("permissions") else ""
    return next((word for word in PERMISSIONS if word == chosen), None)


def _service(part: Table, name: str) -> Service:
    if not SERVICE_NAME.fullmatch(name):
        raise part.problem(
            "", "is no service name: letters, digits, _ . and - (64 at most), not up, idp or endpoint"
        )
    service = Service(
        name=name,
        command=part.texts("command"),
        environment=part.environment(),
        folder=part.folder,
    )
    if not service.command:
        raise part.problem("command", 'is missing; write for example ["python", "-m", "my_api"]')
    part.finish()
    return service


def _runtime(part: Table, name: str) -> Runtime:
    if not RUNTIME_NAME.fullmatch(name):
        raise part.problem("", "is no runtime name: a letter, then letters, digits and _ (48 at most)")
    path, entry, language = programs.read(part)
    runtime = Runtime(
        name=name,
        path=path,
        entry_point=entry,
        protocol=part.choice("protocol", PROTOCOLS, "HTTP"),
        authorizer=authorizer(part),
        environment=part.environment(),
        headers=part.texts("headers"),
        idle_timeout=int(part.number("idle_timeout", 900)),
        max_lifetime=int(part.number("max_lifetime", 28800)),
        python=part.text("python", ""),
        description=part.text("description", ""),
        session_storage=part.text("session_storage", ""),
        node=programs.node(part),
        language=language,
    )
    if runtime.session_storage and not MOUNT_PATH.fullmatch(runtime.session_storage):
        raise part.problem("session_storage", 'is no mount path; write for example "/mnt/notes"')
    part.finish()
    return runtime


def _sessions(part: Table) -> dict[str, Any]:
    """What the file says of sessions; the environment decides on the rest."""
    found: dict[str, Any] = {}
    for item in fields(SessionsSettings):
        if not part.has(item.name):
            continue
        if isinstance(item.default, bool):
            found[item.name] = part.flag(item.name, default=False)
        elif isinstance(item.default, str):
            words = SANDBOXES if item.name == "sandbox" else ()
            found[item.name] = part.choice(item.name, words, "") if words else part.text(item.name)
        elif isinstance(item.default, float):
            found[item.name] = part.number(item.name, 0.0)
        else:
            found[item.name] = part.count(item.name, 0)
    return found


def _check_names(found: Declaration) -> None:
    """Every name that a table refers to must be declared."""

    def known(where: str, name: str, among: Mapping[str, object], what: str) -> None:
        if name and name not in among:
            names = ", ".join(among) or "none"
            raise ConfigurationError(
                f"{found.file}: {where} names the {what} '{name}', which is not declared.",
                hint=f"Declared: {names}.",
            )

    for name, realm in found.realms.items():
        known(f"[realms.{name}] trigger", realm.trigger, found.functions, "function")
    for name, runtime in found.runtimes.items():
        known(f"[runtimes.{name}] authorizer", runtime.authorizer.realm, found.realms, "realm")
    for name, gateway in found.gateways.items():
        known(f"[gateways.{name}] authorizer", gateway.authorizer.realm, found.realms, "realm")
        for interceptor in gateway.interceptors:
            known(f"[gateways.{name}] interceptors", interceptor.function, found.functions, "function")
        for key, target in gateway.targets.items():
            where = f"[gateways.{name}.targets.{key}]"
            known(f"{where} runtime", target.runtime, found.runtimes, "runtime")
            known(f"{where} function", target.function, found.functions, "function")
            known(f"{where} credentials", target.credentials.realm, found.realms, "realm")
            if target.credentials.realm:
                clients = found.realms[target.credentials.realm].clients
                known(f"{where} credentials", target.credentials.client, clients, "client")
