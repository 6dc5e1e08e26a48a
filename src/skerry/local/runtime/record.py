"""An agent runtime as the data plane needs it, read from its control-plane record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from skerry.errors import ProgramError
from skerry.local.ports.resources import Record

LOCAL_PREFIX = "SKERRY_PYTHON"
"""The environment variable of a record that names another interpreter; the program does not see it."""
NODE = "SKERRY_NODE"
"""The same for Node code."""
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "PYTHON": (".py",),
    "NODE": (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"),
}
"""How entry files of a language end; that a Node strips the types of TypeScript depends on its version."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """What AWS's container contract says of a server protocol: default port and path, health probe."""

    name: str
    port: int
    path: str
    health: str


PROTOCOLS: Mapping[str, Protocol] = {
    item.name: item
    for item in (
        Protocol("HTTP", 8080, "/invocations", "ping"),
        Protocol("MCP", 8000, "/mcp", "mcp"),
        Protocol("A2A", 9000, "/", "ping"),
        Protocol("AGUI", 8080, "/invocations", "ping"),
    )
}


@dataclass(frozen=True, slots=True)
class Code:
    """Where a program's code is: an S3 object or a path of this machine, and its entry point."""

    bucket: str
    key: str
    version: str
    entry_point: tuple[str, ...]

    def check(self, language: str) -> None:
        """Raises ProgramError when the entry point is of another language than `language`."""
        suffix = PurePosixPath(self.entry_point[-1]).suffix
        for other, suffixes in LANGUAGES.items():
            if suffix in suffixes and other != language:
                raise ProgramError(
                    f"the entry point {self.entry_point[-1]!r} is no {language.capitalize()} file.",
                    hint=f"The member `runtime` of its codeConfiguration should begin with {other}_.",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One version of an agent runtime, as an endpoint serves it. Times in seconds.

    `mounts` are the mount paths of its session storage, `absent` those of file systems that are not emulated;
    `memory` is what it needs at least, in MiB, 0 when it does not say; `warmup` is the path of its warm-up
    hook.
    """

    arn: str
    id: str
    name: str
    version: str
    qualifier: str
    role_arn: str
    protocol: Protocol
    port: int
    path: str
    idle_timeout: float
    max_lifetime: float
    authorizer: Mapping[str, Any] | None = field(repr=False)
    allowlist: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    artifact: Mapping[str, Any] = field(repr=False)
    mounts: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    memory: int = 0
    warmup: str = ""

    @classmethod
    def of(cls, record: Record, qualifier: str) -> Runtime:
        """The runtime of a GetAgentRuntime answer."""
        protocol = record.get("protocolConfiguration") or {}
        contract = PROTOCOLS[protocol.get("serverProtocol", "HTTP")]
        lifecycle = record.get("lifecycleConfiguration") or {}
        headers = record.get("requestHeaderConfiguration") or {}
        resources: Sequence[Mapping[str, Any]] = record.get("resourceConfigurations") or ({},)
        mounts = [
            (kind, filesystem["mountPath"])
            for item in record.get("filesystemConfigurations") or ()
            for kind, filesystem in item.items()
        ]
        return cls(
            arn=record["agentRuntimeArn"],
            id=record["agentRuntimeId"],
            name=record["agentRuntimeName"],
            version=str(record["agentRuntimeVersion"]),
            qualifier=qualifier,
            role_arn=record["roleArn"],
            protocol=contract,
            port=protocol.get("port", contract.port),
            path=protocol.get("path", contract.path),
            idle_timeout=lifecycle.get("idleRuntimeSessionTimeout", 900),
            max_lifetime=lifecycle.get("maxLifetime", 28800),
            authorizer=(record.get("authorizerConfiguration") or {}).get("customJWTAuthorizer"),
            allowlist=tuple(headers.get("requestHeaderAllowlist") or ()),
            environment=record.get("environmentVariables") or {},
            artifact=record.get("agentRuntimeArtifact") or {},
            mounts=tuple(path for kind, path in mounts if kind == "sessionStorage"),
            absent=tuple(path for kind, path in mounts if kind != "sessionStorage"),
            memory=resources[0].get("minimumMemoryInMiB", 0),
            warmup=_warmup(record, protocol.get("port", contract.port)),
        )

    @property
    def key(self) -> tuple[str, str]:
        """What names this version: (ARN, version)."""
        return self.arn, self.version

    @property
    def image(self) -> str:
        """The URI of its container image, or nothing for one that has code."""
        return str((self.artifact.get("containerConfiguration") or {}).get("containerUri", ""))

    @property
    def language(self) -> str:
        """What its code is written in, `PYTHON` or `NODE`; nothing for a container image."""
        configuration = self.artifact.get("codeConfiguration") or {}
        return str(configuration.get("runtime", "")).partition("_")[0]

    def code(self) -> Code:
        """Its code configuration. Raises ProgramError for an artifact that cannot run on this machine."""
        configuration = self.artifact.get("codeConfiguration")
        if configuration is None:
            raise ProgramError("this runtime has neither a codeConfiguration nor a containerConfiguration.")
        if self.language not in LANGUAGES:
            raise ProgramError(f"skerry runs Python and Node programs, not {configuration['runtime']}.")
        s3 = configuration["code"]["s3"]
        code = Code(s3["bucket"], s3["prefix"], s3.get("versionId", ""), tuple(configuration["entryPoint"]))
        code.check(self.language)
        return code


def _warmup(record: Record, port: int) -> str:
    """The path of `hooksConfiguration.build.warmup`; empty for none or for another port than `port`."""
    build = (record.get("hooksConfiguration") or {}).get("build") or {}
    action = ((build.get("warmup") or {}).get("action") or {}).get("httpPost") or {}
    return str(action.get("path", "")) if action.get("port", port) == port else ""
