"""One clear line for whatever goes wrong between here and an MCP server."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx2
from mcp import MCPError
from pydantic import ValidationError

from skerry.errors import RemoteError, SkerryError

MAX_BODY = 2000
_DESCRIPTION = re.compile(r'error_description="([^"]*)"')

FAILURES = (ExceptionGroup, MCPError, ValidationError, httpx2.HTTPError, OSError, RuntimeError, ValueError)
"""What the MCP SDK and its transports raise."""

_HINTS: Mapping[int, str] = {
    401: "It wants a bearer token: use --auth browser to sign in, or --auth bearer with SKERRY_TOKEN or a "
    "client in skerry.toml. skerry doctor TARGET says more.",
    403: "It refuses this identity: check --auth (iam or bearer), the credentials and the audience. "
    "skerry doctor TARGET says more.",
    404: "There is no MCP server at this address: check the URL, its path, or the ARN's region.",
    405: "This address answers no POST: check the URL's path (often /mcp).",
    406: "It wants another Accept header: is there a proxy in between that drops headers?",
    421: "It refuses this Host header: call it by the name it listens on.",
    424: "The runtime's program failed; its log says more.",
}


class Refusals:
    """Keeps the last refusal of a connection: the SDK tells its status, body and challenge to nobody."""

    def __init__(self) -> None:
        self.status = 0
        self.text = ""
        self.reason = ""

    async def keep(self, response: httpx2.Response) -> None:
        """An httpx2 response hook."""
        if response.status_code >= 400:
            body = (await response.aread())[:MAX_BODY].decode("utf-8", errors="replace")
            self.status, self.text = response.status_code, " ".join(body.split())
            challenge = response.headers.get("www-authenticate", "")[:MAX_BODY]
            described = _DESCRIPTION.search(challenge)  # RFC 6750, section 3
            self.reason = described[1] if described else ""
        elif response.request.method == "POST":
            self.status, self.text, self.reason = 0, "", ""  # what was refused was sent again with a proof


def problem(error: BaseException, where: str, refusals: Refusals) -> SkerryError:
    """The cause of an error as one line with the next move."""
    cause = innermost(error)
    if isinstance(cause, SkerryError):
        return cause
    if isinstance(cause, MCPError) and cause.message not in _STANDINS:
        hint = "skerry call TARGET list shows its tools." if "unknown tool" in cause.message.lower() else ""
        if refusals.status in (401, 403):
            reason = refusals.reason and refusals.reason.rstrip(".") + "."
            hint = " ".join(filter(None, (reason, _HINTS[refusals.status])))
        if isinstance(cause.data, Mapping) and "retryAfter" in cause.data:
            hint = f"Try again in {cause.data['retryAfter']} s."
        return RemoteError(f"{where} answered with an error: {cause.message} ({cause.code}).", hint=hint)
    if refusals.status:
        return RemoteError(
            f"{where} answered HTTP {refusals.status}: {refusals.text}".removesuffix(": "),
            hint=_HINTS.get(refusals.status, ""),
        )
    if isinstance(cause, FileNotFoundError):
        return RemoteError(f"{where} cannot be started: there is no such program.")
    if isinstance(cause, httpx2.HTTPError | OSError):
        return RemoteError(f"{where} does not answer ({type(cause).__name__}).", hint="Is it running?")
    if isinstance(cause, ValidationError):
        return RemoteError(f"{where} sent something that MCP does not allow: {_first(cause)}.")
    return RemoteError(f"{where}: {str(cause) or type(cause).__name__}.")


def innermost(error: BaseException) -> BaseException:
    """The first cause of an error, out of exception groups; a chain is followed to skerry's own errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


_STANDINS = ("Server returned an error response", "Not Found", "Session terminated")


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
