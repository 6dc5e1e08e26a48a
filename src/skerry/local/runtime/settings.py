"""What the Runtime plane is told: where it keeps things, how sessions run, what AWS's unknowns are set to."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MAX_OUTPUT = 100_000_000
"""Bytes that a command may print: AWS developer guide, runtime quotas."""
MAX_PAYLOAD = 100_000_000
"""Bytes of a request: AWS service model, InvokeAgentRuntime."""

Mode = Literal["auto", "fork", "pool"]
"""`hosts.open_host` says what each means."""
Sandbox = Literal["none", "namespaces"]

_BASICS = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SYSTEMROOT",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
)


def basics(environment: Mapping[str, str]) -> dict[str, str]:
    """What a program may see of the environment in which the stack was started: no secret, no HOME."""
    return {name: environment[name] for name in _BASICS if name in environment}


def resource_limits(memory: int = 8 << 30) -> dict[str, int]:
    """Resource limits of a session process; `memory` in bytes is AWS's 8 GB for a session by default.

    The system counts it for each process of a session, not for all together.
    """
    return {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 4096, "RLIMIT_DATA": memory}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """Questions about AWS without a settled answer; each field picks one.

    `wait_for_start`: a request to a session that is being started waits instead of getting 409.
    `supply_mcp_session_id`: `initialize` reaches the server with an Mcp-Session-Id of the platform's.
    `pass_mcp_not_found`: a server's 404 to a request with an Mcp-Session-Id stays a 404, upon which MCP
    clients initialize again; else it becomes -32010 in a 200 like any other status.
    `claim_mismatch_status`: 401, or 403 with the prefix of 2025.
    `several_tokens_status`: of a request with several Authorization headers: 400 as RFC 6750 has it, or 403
    like a token that cannot be read.
    `challenge_scopes`: the 403 for a missing scope has a challenge that names the scopes, as a gateway's has.
    `busy_needs_time`: `HealthyBusy` without `time_of_last_update` does not keep a session alive.
    `pass_a2a_headers`: A2A-Version and A2A-Extensions reach an A2A program that does not list them.
    `close_over_rate`: a WebSocket with more than 250 frames in a second is closed (1008); else it waits.
    `busy_needs_recent_time`: nor does it with a time that is older than the idle time.
    """

    wait_for_start: bool = False
    supply_mcp_session_id: bool = False
    pass_mcp_not_found: bool = True
    claim_mismatch_status: int = 401
    several_tokens_status: int = 400
    challenge_scopes: bool = True
    busy_needs_time: bool = False
    pass_a2a_headers: bool = True
    close_over_rate: bool = False
    busy_needs_recent_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """Settings of the plane; times in seconds.

    `endpoint` is the base URL of this stack, which programs get as AWS_ENDPOINT_URL. `python` and `node` run
    code, where its record names no other. `environment` is what
    every program sees, see `basics`. `sessions` bounds the live sessions of the stack, `new_sessions` and
    `requests` are what is allowed a second, 0 for any number; `limits` are resource limits of a session
    process by their name in the module `resource`. `probe_interval` is how often a session past its idle time
    is asked whether it is busy. `grace` is what a process group gets to end by itself before it is killed.
    `storage` is the bytes that a session may keep in its session storage. `sandbox` is what separates
    sessions beyond their processes: nothing, or Linux namespaces in which nothing can be written but a
    session's own folders, the folders `hidden` are not there, and `processes` are the most that a session
    may have. `engine` runs container images, see `engine.find`, its commands with
    `engine_environment`; `memory` in MiB is what one gets.
    `stream_lifetime` is how long an answer of unknown length may last, `socket_lifetime` and
    `socket_frames` (a second, in each direction) bound a WebSocket. `token_clock` is the file that moves the
    clock which tokens end by.
    """

    state: Path
    endpoint: str
    region: str
    account: str
    python: str = sys.executable
    node: str = "node"
    mode: Mode = "auto"
    pool_size: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    sessions: int = 128
    new_sessions: float = 0.0
    requests: float = 0.0
    limits: Mapping[str, int] = field(default_factory=resource_limits)
    initialization_timeout: float = 30.0
    container_initialization_timeout: float = 120.0
    request_timeout: float = 900.0
    probe_interval: float = 2.0
    probe_timeout: float = 5.0
    grace: float = 0.5
    stream_lifetime: float = 3600.0
    socket_lifetime: float = 3600.0
    socket_frames: int = 250
    max_payload: int = MAX_PAYLOAD
    max_output: int = MAX_OUTPUT
    storage: int = 1 << 30
    sandbox: Sandbox = "none"
    hidden: tuple[Path, ...] = ()
    processes: int = 512
    memory: int = 8192
    engine: str = "none"
    engine_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    unknowns: Unknowns = field(default_factory=Unknowns)
    token_clock: Path | None = None
