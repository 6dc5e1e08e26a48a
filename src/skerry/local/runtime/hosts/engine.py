"""A container engine, by the command line that docker, podman and nerdctl share.

Only words of that common subset are used. Nothing secret stands in an argument: variables go through a file
of the session, or by name from the environment of the command.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from skerry.errors import ProgramError
from skerry.processes import Process, start

KNOWN = ("docker", "podman", "nerdctl")
LABEL = "skerry.stack"
_LIST = ("ps", "--all", "--quiet", "--filter")
_PATIENCE = 60
_OUTPUT = 4000


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine whose program is `command`; `environment` is what its commands get."""

    command: str
    environment: Mapping[str, str] = field(repr=False)

    async def start(
        self,
        arguments: Sequence[str],
        *,
        on_line: Callable[[str], None] | None = None,
        more: Mapping[str, str] | None = None,
        bound: bool = False,
    ) -> Process:
        """Starts a command; `more` are variables for it beyond those of every command."""
        return await start(
            [self.command, *arguments],
            cwd=Path("/"),
            env={**self.environment, **(more or {})},
            on_line=on_line,
            bound=bound,
        )

    async def tell(self, *arguments: str, more: Mapping[str, str] | None = None) -> str:
        """Runs a command to its end and returns what it printed. Raises ProgramError when it fails."""
        process = await self.start(arguments, more=more)
        try:
            code = await process.wait()
        except BaseException:
            process.signal(force=True)
            raise
        if code != 0:
            said = process.output.last()[:_OUTPUT]
            raise ProgramError(f"{Path(self.command).name} {arguments[0]} failed: {said or code}.")
        return "\n".join(process.output.lines)

    def remove_left(self, stack: str) -> None:
        """Removes what a killed stack left running. Blocks; an engine that is not there is no error."""
        listing = [self.command, *_LIST, f"label={LABEL}={stack}"]
        try:
            found = self._run(listing)
            names = found.stdout.decode("utf-8", "replace").split()
            if found.returncode == 0 and names:
                self._run([self.command, "rm", "--force", *names])
        except (OSError, subprocess.TimeoutExpired):
            return

    def _run(self, argv: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603  (arguments of ours, no shell)
            argv, env=dict(self.environment), capture_output=True, timeout=_PATIENCE, check=False
        )


def find(name: str, environment: Mapping[str, str]) -> Engine | None:
    """The engine `name`: `auto` for the first that is installed, `none` for none, else a program."""
    path = environment.get("PATH")
    names = KNOWN if name == "auto" else () if name == "none" else (name,)
    for candidate in names:
        command = shutil.which(candidate, path=path)
        if command is not None:
            return Engine(command, environment)
    return None


def required(name: str, environment: Mapping[str, str]) -> Engine:
    """The same. Raises ProgramError when there is none."""
    found = find(name, environment)
    if found is None:
        wanted = (
            "there is no container engine here" if name in ("auto", "none") else f"there is no {name} here"
        )
        raise ProgramError(
            f"this runtime has a container image, and {wanted}.",
            hint="Install docker, podman or nerdctl, or give the runtime a codeConfiguration.",
        )
    return found
