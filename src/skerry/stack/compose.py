"""The composition: every process and plane of a stack, wired together.

The endpoint runs in this process; the identity provider and the services are children; moto, the runtime
sessions and the Lambda environments are started by the endpoint's planes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import PortInUseError, SkerryError
from skerry.local.app import Endpoint
from skerry.local.models.guardrails.rules import Guardrails
from skerry.settings import StackSettings
from skerry.settings.traces import TracesSettings
from skerry.settings.values import TOKEN_CLOCK
from skerry.sockets import bind, spare_port
from skerry.stack import children, endpoint, resources
from skerry.stack.declared import realms
from skerry.stack.declared.declaration import Declaration, Service
from skerry.stack.declared.references import is_last, resolve_all
from skerry.stack.provision import Provisioner
from skerry.stack.state import IDP_FILE, IDP_FOLDER, State, unusable


class Stack:
    """A stack of one declaration. `start` once, then `stop`, which ends everything in any state."""

    def __init__(
        self, settings: StackSettings, declared: Declaration, state: State, progress: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._declared = declared
        self._state = state
        self._progress = progress
        self._running = AsyncExitStack()
        self._local: Endpoint | None = None
        self._started: list[children.Child] = []
        self._ports = state.ports()
        self._problems: list[resources.Resource] = []
        self._values: dict[str, Any] = {
            "region": declared.region or settings.region,
            "account": settings.account,
            "state": str(state.folder),
            "secrets": state.own_secrets(),
            "realms": {},
            "services": {},
            "functions": {},
            "gateways": {},
            "runtimes": {},
        }
        known = Guardrails(tuple(declared.guardrails.values()), self._values["region"], settings.account)
        self._values["guardrails"] = {
            item.name: {"id": item.identifier, "arn": known.arn(item), "version": item.version}
            for item in known.declared
        }

    async def start(self) -> dict[str, Any]:
        """Starts everything and returns what `stack.json` holds. Raises SkerryError."""
        listening = _bind(self._settings.port, self._ports.get("endpoint", 0))
        self._ports["endpoint"] = listening.getsockname()[1]
        self._values["endpoint"] = f"http://127.0.0.1:{self._ports['endpoint']}"
        self._progress(f"endpoint           {self._values['endpoint']}")
        local = self._local = endpoint.make(self._settings, self._declared, self._values, self._state)
        await self._running.enter_async_context(endpoint.serving_on(local, listening))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(local.seeded())
                group.create_task(self._wired(local))
        except* (SkerryError, OSError) as several:
            raise _first(several) from several
        self._state.keep_ports(self._ports)
        return self._published(local)

    async def stop(self) -> None:
        """Ends everything that was started: the children, then what they spoke to.

        A target that is being listed when its server ends has not failed: it stays as it is.
        """
        try:
            if self._local is not None:
                await self._local.control.close()
        finally:
            try:
                await asyncio.gather(*(child.stop() for child in self._started))
            finally:
                await self._running.aclose()

    async def _wired(self, local: Endpoint) -> None:
        """Children, and then the resources that refer to them; the client is made meanwhile."""
        provisioner = asyncio.create_task(asyncio.to_thread(self._provisioner, local.developer))
        await self._children(local.recorder.record, local.developer)
        self._progress("gateways, runtimes …")
        await asyncio.to_thread((made := await provisioner).run)
        await self._services(local.recorder.record, last=True)
        endpoint.late_environments(self._declared, self._values)
        local.complete()
        self._progress("targets …")
        found = await asyncio.to_thread(resources.settled, made.control)
        self._problems = [one for one in found if not one.good]
        local.warm()

    def _provisioner(self, developer: Credentials) -> Provisioner:
        return Provisioner(
            self._declared, self._values, endpoint=self._values["endpoint"], credentials=developer
        )

    async def _children(self, record: Callable[[Any], None], developer: Credentials) -> None:
        """The identity provider first: services are told its issuers."""
        if self._declared.realms:
            await self._identity_provider(record, developer)
        await self._services(record, last=False)

    async def _services(self, record: Callable[[Any], None], *, last: bool) -> None:
        """Those that know gateways or runtimes come last: a gateway's target may be another service."""
        async with asyncio.TaskGroup() as group:
            for service in self._declared.services.values():
                if is_last(service.environment) is last:
                    group.create_task(self._service(service, record))

    async def _identity_provider(self, record: Callable[[Any], None], developer: Credentials) -> None:
        found = realms.settings(
            self._declared.realms, self._values, secret=self._state.secret, developer=developer
        )
        file = self._state.write(IDP_FILE, found)
        command = [sys.executable, "-m", "skerry.idp", "--watch-stdin"]
        command += ["--state", str(self._state.folder / IDP_FOLDER), "--config", str(file)]
        command += ["--port", str(spare_port(self._ports.get("idp", 0)))]
        ready = await self._child("identity provider", "idp", command, {}, record)
        self._ports["idp"] = ready["port"]
        told = realms.published(found, self._declared.file)
        for name, issuer in ready["issuers"].items():
            endpoints = ready["endpoints"][name]
            self._values["realms"][name] = {
                "issuer": issuer,
                "token_endpoint": endpoints["token"],
                "discovery_url": endpoints["discovery"],
                "endpoints": endpoints,
                **told[name],
            }
            self._progress(f"issuer             {issuer}")

    async def _service(self, service: Service, record: Callable[[Any], None]) -> None:
        where = f"[services.{service.name}] environment"
        port = spare_port(self._ports.get(service.name, 0))
        given = {"PORT": str(port), TOKEN_CLOCK: str(self._state.token_clock)}
        environment = resolve_all(service.environment, self._values, where=where) | given
        program, *arguments = service.command
        program = sys.executable if program == "python" else program
        command = [sys.executable, "-m", "skerry.stack.keeper", program, *arguments]
        ready = await self._child(service.name, service.name, command, environment, record)
        self._ports[service.name] = int(ready.get("port", port))
        url = f"http://127.0.0.1:{self._ports[service.name]}"
        self._values["services"][service.name] = {"url": url}
        self._progress(f"{service.name:<18} {url}")

    async def _child(
        self,
        title: str,
        name: str,
        command: list[str],
        environment: dict[str, str],
        record: Callable[[Any], None],
    ) -> dict[str, Any]:
        child = await children.start(
            title,
            command,
            environment=environment,
            inherited=self._settings.environment,
            folder=self._declared.file.resolve().parent,
            log=self._state.folder / "logs" / f"{name}.log",
            on_hop=record,
        )
        self._started.append(child)
        return await child.ready()

    def _published(self, local: Endpoint) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "endpoint": self._values["endpoint"],
            "region": self._values["region"],
            "account": self._values["account"],
            "access_key_id": local.developer.access_key_id,
            "secret_access_key": local.developer.secret_access_key,
            "state": str(self._state.folder),
            "file": str(self._declared.file),
            "models": endpoint.MODELS[local.settings.models.backend],
            "default_runtime": next(iter(self._values["runtimes"]), ""),
            "default_gateway": next(iter(self._values["gateways"]), ""),
            "default_realm": next(iter(self._values["realms"]), ""),
            "runtimes": self._values["runtimes"],
            "gateways": self._values["gateways"],
            "realms": self._values["realms"],
            "services": self._values["services"],
            "guardrails": self._values["guardrails"],
            "functions": self._values["functions"],
            "spans_to": local.settings.traces.host,
            "warnings": _warnings(local.settings.traces),
            "problems": [one.shown() | {"failed": one.failed} for one in self._problems],
        }


def _warnings(traces: TracesSettings) -> list[str]:
    """What is not as somebody may have meant it, and is no reason to end."""
    return [f"no spans are sent: {traces.unusable}"] if traces.unusable else []


def _bind(port: int, before: int) -> socket.socket:
    """A listening socket on loopback: `port`, or for 0 the port of the last time, or any free one."""
    if port == 0 and before:
        with contextlib.suppress(PortInUseError):
            return bind("127.0.0.1", before)
    return bind("127.0.0.1", port)


def _first(several: BaseExceptionGroup[SkerryError | OSError]) -> SkerryError:
    """The first error of a group: the one that ended the others."""
    error: BaseException = several
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, OSError):
        return unusable(error)
    assert isinstance(error, SkerryError)
    return error
