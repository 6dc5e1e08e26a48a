"""What the stand-in holds: organizations, projects, workspaces and what belongs to them, in memory."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from skerry.servers.terraform.standin.problems import conflict, invalid, not_found

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

Item = TypeVar("Item")


@dataclass(slots=True)
class Organization:
    """An organization; its name is its id."""

    name: str
    email: str
    created: float


@dataclass(slots=True)
class Project:
    """A project of an organization."""

    id: str
    organization: str
    name: str
    description: str = ""


@dataclass(slots=True)
class Variable:
    """A workspace variable. A sensitive value is written and never shown."""

    id: str
    key: str
    value: str = field(default="", repr=False)
    description: str = ""
    category: str = "terraform"
    hcl: bool = False
    sensitive: bool = False


@dataclass(slots=True)
class Output:
    """An output of a state version."""

    id: str
    name: str
    value: Any = field(repr=False)
    sensitive: bool = False


@dataclass(slots=True)
class StateVersion:
    """One state of a workspace: the addresses of its resources, and its outputs."""

    id: str
    workspace: str
    serial: int
    created: float
    resources: tuple[str, ...]
    outputs: tuple[Output, ...]
    run: str = ""


@dataclass(slots=True)
class Workspace:
    """A workspace. `configuration` has the resource addresses that its code declares; None: no code yet.

    `locked_by` is the user or the run that holds its lock.
    """

    id: str
    organization: str
    project: str
    name: str
    created: float
    updated: float
    description: str = ""
    auto_apply: bool = False
    terraform_version: str = "1.9.8"
    execution_mode: str = "remote"
    working_directory: str = ""
    configuration: tuple[str, ...] | None = None
    declared_outputs: Mapping[str, Any] = field(default_factory=dict)
    sensitive_outputs: tuple[str, ...] = ()
    locked_by: str = ""
    variables: dict[str, Variable] = field(default_factory=dict)
    states: list[StateVersion] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    @property
    def state(self) -> StateVersion | None:
        """The current state version."""
        return self.states[-1] if self.states else None

    @property
    def resources(self) -> tuple[str, ...]:
        """The addresses of what it manages now."""
        return self.state.resources if self.state else ()


@dataclass(slots=True)
class Run:
    """A run; `since` is when it came to its status, `times` when it came to each."""

    id: str
    plan: str
    apply: str
    workspace: str
    message: str
    created: float
    by: str
    is_destroy: bool = False
    plan_only: bool = False
    refresh_only: bool = False
    auto_apply: bool = False
    targets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    status: str = "pending"
    since: float = 0.0
    times: dict[str, float] = field(default_factory=dict)
    additions: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    destructions: tuple[str, ...] = ()


class Estate:
    """Everything, found by id or by name. Absent things raise ProblemError (404)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.organizations: dict[str, Organization] = {}
        self.projects: dict[str, Project] = {}
        self.workspaces: dict[str, Workspace] = {}
        self.runs: dict[str, Run] = {}
        self.modules: list[dict[str, Any]] = []
        self.providers: list[dict[str, Any]] = []
        self.archive: dict[str, str] = {}
        self._count = 0

    def new_id(self, kind: str) -> str:
        """An id such as `ws-…`; the same ones in the same order in each life of the stand-in."""
        self._count += 1
        digest = hashlib.sha256(f"{kind} {self._count}".encode()).digest()
        return f"{kind}-" + "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:16])

    def secret_path(self, identifier: str) -> str:
        """The path of a log: whoever knows it may read it, as with the real archive."""
        for secret, known in self.archive.items():
            if known == identifier:
                return f"/archive/object/{secret}"
        secret = secrets.token_urlsafe(24)
        self.archive[secret] = identifier
        return f"/archive/object/{secret}"

    def organization(self, name: str) -> Organization:
        """The organization of a name."""
        return _known(self.organizations, name)

    def project(self, identifier: str) -> Project:
        """The project of an id."""
        return _known(self.projects, identifier)

    def workspace(self, identifier: str) -> Workspace:
        """The workspace of an id."""
        return _known(self.workspaces, identifier)

    def run(self, identifier: str) -> Run:
        """The run of an id."""
        return _known(self.runs, identifier)

    def named(self, organization: str, name: str) -> Workspace:
        """The workspace of a name in an organization."""
        self.organization(organization)
        for found in self.workspaces.values():
            if (found.organization, found.name) == (organization, name):
                return found
        raise not_found()

    def of_plan(self, identifier: str) -> Run:
        """The run whose plan has this id."""
        for run in self.runs.values():
            if run.plan == identifier:
                return run
        raise not_found()

    def of_apply(self, identifier: str) -> Run:
        """The run whose apply has this id."""
        for run in self.runs.values():
            if run.apply == identifier:
                return run
        raise not_found()

    def state_version(self, identifier: str) -> StateVersion:
        """The state version of an id."""
        for workspace in self.workspaces.values():
            for state in workspace.states:
                if state.id == identifier:
                    return state
        raise not_found()

    def default_project(self, organization: str) -> Project:
        """The project that a workspace gets when nobody names one."""
        return next(found for found in self.projects.values() if found.organization == organization)

    def check_name(self, organization: str, name: str, *, but: str = "") -> None:
        """Raises ProblemError (422) when another workspace of the organization has the name."""
        for found in self.workspaces.values():
            if (found.organization, found.name) == (organization, name) and found.id != but:
                raise invalid("name", "Name has already been taken")

    def add_state(self, workspace: Workspace, resources: tuple[str, ...], run: str = "") -> StateVersion:
        """A new current state; a workspace without resources has no outputs."""
        outputs = tuple(
            Output(self.new_id("wsout"), name, value, name in workspace.sensitive_outputs)
            for name, value in workspace.declared_outputs.items()
            if resources
        )
        serial = workspace.state.serial + 1 if workspace.state else 1
        state = StateVersion(self.new_id("sv"), workspace.id, serial, self.now(), resources, outputs, run)
        workspace.states.append(state)
        return state

    def remove(self, workspace: Workspace, *, safely: bool) -> None:
        """Deletes a workspace. Raises ProblemError (409) when that is not safe and should be."""
        if safely and workspace.resources:
            raise conflict("Workspace cannot be safely deleted because it is still managing resources")
        if safely and workspace.locked_by:
            raise conflict("Workspace cannot be safely deleted because it is locked")
        for run in workspace.runs:
            self.runs.pop(run, None)
        del self.workspaces[workspace.id]


def stamp(at: float) -> str:
    """A time as the API writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _known(among: Mapping[str, Item], key: str) -> Item:
    if key not in among:
        raise not_found()
    return among[key]
