"""Where bearer tokens are from: a command, a file, the client credentials grant, the local stack."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from skerry.auth.background import in_thread
from skerry.auth.bearer import MAX_TOKEN, expiry, read_token
from skerry.auth.clock import SystemClock
from skerry.auth.http.one_request import fetch_document, post_form
from skerry.auth.keeper import Lease
from skerry.auth.ports import Clock, Fetch, Origin, Post
from skerry.errors import ConfigurationError, ProgramError, TokenError

if TYPE_CHECKING:
    from skerry.auth.oauth import Client, TokenSource

_TAIL = 4096
_OPERATORS = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "2>&1", "2>/dev/null"})
_SHELL = "Put it into a script, or give: sh -c '...'."


class CommandTokens:
    """The output of a command, run without a shell, in a process group of its own, with nothing on stdin.

    `timeout` is in seconds. The command line may hold secrets: errors name its program only.
    """

    def __init__(
        self,
        command: str,
        *,
        timeout: float = 30.0,
        env: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._arguments = _arguments(command)
        self._timeout = timeout
        self._env = dict(env) if env is not None else None
        self._now = now
        name = Path(self._arguments[0]).name
        self.origin = Origin(
            "bearer", f"the token command '{name}'", "Run it by hand: it must print a token."
        )

    def stale(self) -> bool:
        """A command does not tell."""
        return False

    async def get(self, anew: bool) -> Lease[str]:  # noqa: ARG002  (a command is always run anew)
        """Runs the command. Raises ProgramError when it fails or hangs, TokenError for no token."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._env,
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            raise ProgramError(
                f"The token command cannot be started: {error.strerror or type(error).__name__}.",
                hint="Give the full path of the program.",
            ) from error
        try:
            async with asyncio.timeout(self._timeout):
                output, said, status = await asyncio.gather(
                    _first(process.stdout), _last(process.stderr), process.wait()
                )
        except TimeoutError as error:
            raise ProgramError(
                f"{self._named} gave no token within {self._timeout:g} seconds.",
                hint="It must not ask anything: it has no terminal.",
            ) from error
        finally:
            await _end(process)
        if status:
            raise ProgramError(
                f"{self._named} ended with status {status}: {said or 'it said nothing'}.",
                hint=self.origin.renew,
            )
        return read_token(output, self.origin, now=self._now())

    @property
    def _named(self) -> str:
        return f"T{self.origin.name[1:]}"


class FileTokens:
    """A file that something else rewrites, as Kubernetes does; read again whenever it changes."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._seen: tuple[int, ...] | None = None
        self.origin = Origin("bearer", f"the token file {path}", "Write a new token into it.")

    def stale(self) -> bool:
        """Whether the file changed since it was read."""
        return self._seen is not None and self._state() != self._seen

    async def get(self, anew: bool) -> Lease[str]:  # noqa: ARG002  (a file is always read anew)
        """Reads the file. Raises TokenError when it is missing or holds no token."""
        return await in_thread(self._read)

    def _read(self) -> Lease[str]:
        seen = self._state()  # before the text: a change in between is seen next time
        try:
            with self._path.open("rb") as file:
                text = file.read(MAX_TOKEN + 1)
        except OSError as error:
            raise TokenError(
                "missing",
                f"The token file {self._path} cannot be read: {error.strerror or type(error).__name__}.",
                hint="Check --token-file.",
            ) from error
        lease = read_token(text, self.origin, now=self._now())
        self._seen = seen
        return lease

    def _state(self) -> tuple[int, ...]:
        try:
            known = self._path.stat()
        except OSError:
            return ()
        return (known.st_mtime_ns, known.st_size, known.st_ino)


class ClientTokens:
    """Tokens for the program itself, from a token endpoint (RFC 6749 §4.4).

    Without `post` and `fetch` it opens an httpx2 client for each request, loaded only then.
    """

    def __init__(
        self,
        client: Client,
        *,
        scope: str = "",
        audience: str = "",
        resource: str = "",
        post: Post | None = None,
        fetch: Fetch | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._client = client
        self._target = (scope, audience, resource)
        self._post = post or post_form
        self._fetch = fetch or fetch_document
        self._clock = clock or SystemClock()
        self._source: TokenSource | None = None
        self._last = ""
        self.origin = Origin(
            "bearer",
            f"the client '{client.client_id}'",
            "Check --client-id, --client-secret-file, --scope and --audience.",
        )

    def stale(self) -> bool:
        """Tokens of an endpoint end; they do not change."""
        return False

    async def get(self, anew: bool) -> Lease[str]:
        """A token. Raises OAuthError or RemoteError."""
        if self._source is None:
            from skerry.auth.oauth import TokenSource

            self._source = TokenSource(self._client, post=self._post, fetch=self._fetch, clock=self._clock)
        if anew:
            self._source.forget(self._last)
        scope, audience, resource = self._target
        self._last = token = await self._source.client_credentials(
            scope=scope, audience=audience, resource=resource
        )
        ends = expiry(token)
        return Lease(token, self.origin, ends, lasting=ends is not None)


class AskedTokens:
    """Tokens of a function, which gets one for each call; `origin` names it. A JWT is kept until it ends."""

    def __init__(self, ask: Callable[[], Awaitable[str]], origin: Origin) -> None:
        self._ask = ask
        self.origin = origin

    def stale(self) -> bool:
        """A function does not tell."""
        return False

    async def get(self, anew: bool) -> Lease[str]:  # noqa: ARG002  (always asked anew)
        """A token. Raises what the function raises."""
        token = await self._ask()
        return Lease(token, self.origin, expiry(token))


# The command -----------------------------------------------------------------------------------------


def _arguments(command: str) -> list[str]:
    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise ConfigurationError(f"--token-command cannot be read: {error}.", hint=_SHELL) from error
    if os.name != "posix":
        words = [word.strip('"') for word in words]
    if not words:
        raise ConfigurationError("--token-command is empty.", hint="Give a command that prints a token.")
    if operators := sorted(_OPERATORS.intersection(words)):
        raise ConfigurationError(
            f"--token-command runs without a shell, so '{operators[0]}' would be an argument.", hint=_SHELL
        )
    return words


async def _first(stream: asyncio.StreamReader | None) -> bytes:
    """The beginning of an output, a byte more than a token may have; the rest is read and dropped."""
    kept = b""
    while stream is not None and (piece := await stream.read(_TAIL)):
        kept += piece[: MAX_TOKEN + 1 - len(kept)]
    return kept


async def _last(stream: asyncio.StreamReader | None) -> str:
    """The last line of an output, as it may be shown."""
    from skerry.wire.shown import safe

    kept = b""
    while stream is not None and (piece := await stream.read(_TAIL)):
        kept = (kept + piece)[-_TAIL:]
    lines = kept.decode("utf-8", "replace").strip().splitlines()
    return safe(lines[-1]).rstrip(".") if lines else ""


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends a command that still runs, or whose children hold its output open, with all that it started."""
    if process.returncode is not None and (process.stdout is None or process.stdout.at_eof()):
        return
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
