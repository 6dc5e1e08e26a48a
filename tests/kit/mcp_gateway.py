"""A stand-in for a Gateway: a FastMCP server on a real socket that checks who calls.

Its tools are named `target___tool`, as a Gateway names them. `change_email` and `look` ask their caller to
confirm, `rate` for words of his own, in the way of the era that was negotiated. It says nothing about AWS's Gateway beyond that.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import mcp_types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.middleware import Middleware
from fastmcp.utilities.types import Image
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel

from tests.kit.asgi_thread import serve

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg=="
)

Guard = Callable[[dict[str, str], bytes, str], tuple[int, str] | None]
"""From headers (lower case), body and raw path of a request to a refusal (status, text), or None."""


class Confirm(BaseModel):
    confirm: bool


class Rating(BaseModel):
    stars: int
    words: str = ""


@dataclass
class Seen:
    """One request as the gateway got it."""

    headers: dict[str, str]
    body: dict[str, Any]
    path: str

    @property
    def method(self) -> str:
        return str(self.body.get("method", ""))


@dataclass
class StandIn:
    """A running stand-in. `emails` is its data, `seen` its requests, `questions` what it asked callers."""

    url: str = ""
    emails: dict[str, str] = field(default_factory=lambda: {"12345": "user@example.com"})
    seen: list[Seen] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    opened: set[str] = field(default_factory=set)
    wiped: int = 0
    entered: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    guard: Guard = field(default=lambda headers, body, path: None)

    def calls(self) -> list[str]:
        return [item.body["params"]["name"] for item in self.seen if item.method == "tools/call"]


class PageNeededError(ToolError):
    """The page that a call needs first."""


class PagesFirst(Middleware):
    """Answers -32042 in the way of a gateway: FastMCP would make a result of it."""

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        try:
            return await call_next(context)
        except PageNeededError as needed:
            page = mcp_types.ElicitRequestURLParams(
                message="Please agree.", url=str(needed), elicitation_id="e-1"
            )
            raise UrlElicitationRequiredError([page], "This request requires more information.") from None


def tools(stand_in: StandIn) -> FastMCP:
    """The server behind the stand-in."""
    mcp: FastMCP = FastMCP("gateway-stand-in")

    @mcp.tool(name="accounts___get_email", annotations={"readOnlyHint": True})
    def get_email(account_id: str) -> str:
        """The e-mail address of an account."""
        return stand_in.emails[account_id]

    async def asked(
        ctx: Context, question: str, form: type[BaseModel]
    ) -> mcp_types.InputRequiredResult | dict[str, Any]:
        """The answer of whoever calls, with its `action`, or what the newer era gives to be asked."""
        request = ctx.request_context
        if request is not None and request.protocol_version in MODERN_PROTOCOL_VERSIONS:
            answer = (ctx.input_responses or {}).get("form")
            if answer is None:
                stand_in.questions.append(question)
                params = mcp_types.ElicitRequestFormParams(
                    message=question, requested_schema=form.model_json_schema()
                )
                return mcp_types.InputRequiredResult(
                    input_requests={"form": mcp_types.ElicitRequest(params=params)}, request_state=question
                )
            stand_in.answers.append(answer.action)
            return {"action": answer.action, **(answer.content or {})}
        stand_in.questions.append(question)
        reply = await ctx.elicit(question, form)
        stand_in.answers.append(reply.action)
        return {"action": reply.action, **(reply.data.model_dump() if reply.action == "accept" else {})}

    @mcp.tool(name="accounts___change_email", annotations={"destructiveHint": True})
    async def change_email(
        account_id: str, new_email: str, ctx: Context
    ) -> str | mcp_types.InputRequiredResult:
        """Changes the e-mail address of an account."""
        answer = await asked(ctx, f"Change the address of {account_id} to {new_email}?", Confirm)
        if isinstance(answer, mcp_types.InputRequiredResult):
            return answer
        if not answer.get("confirm"):
            return "The address was not changed."
        stand_in.emails[account_id] = new_email
        return f"The address is {new_email} now."

    @mcp.tool(name="demo___rate", annotations={"readOnlyHint": True})
    async def rate(thing: str, ctx: Context) -> str | mcp_types.InputRequiredResult:
        """Asks a person how good a thing is."""
        answer = await asked(ctx, f"How good is {thing}?", Rating)
        return answer if isinstance(answer, mcp_types.InputRequiredResult) else json.dumps(answer)

    @mcp.tool(name="demo___look", annotations={"readOnlyHint": True})
    async def look(ctx: Context) -> str | mcp_types.InputRequiredResult:
        """Asks before it looks, although it says of itself that it only reads."""
        answer = await asked(ctx, "Look at it?", Confirm)
        return answer if isinstance(answer, mcp_types.InputRequiredResult) else json.dumps(answer)

    @mcp.tool(name="demo___page", annotations={"readOnlyHint": True})
    async def page(url: str, ctx: Context) -> str | mcp_types.InputRequiredResult:
        """Needs a page to be opened; in the newer era."""
        answer = (ctx.input_responses or {}).get("page")
        if answer is None:
            params = mcp_types.ElicitRequestURLParams(message="Sign in.", url=url, elicitation_id="e1")
            asked = mcp_types.ElicitRequest(params=params)
            return mcp_types.InputRequiredResult(input_requests={"page": asked}, request_state=url)
        stand_in.answers.append(answer.action)
        return json.dumps({"action": answer.action})

    @mcp.tool(name="demo___connected", annotations={"readOnlyHint": True})
    def connected(url: str) -> str:
        """Needs a page to be opened before it is called (-32042), in the older era."""
        if url not in stand_in.opened:
            raise PageNeededError(url)
        return "It acts for you."

    mcp.add_middleware(PagesFirst())

    @mcp.tool(name="demo___both")
    async def both(ctx: Context) -> str | mcp_types.InputRequiredResult:
        """Needs an approval, and words of a person beside it."""
        answer = await asked(ctx, "How good?", Rating)
        return answer if isinstance(answer, mcp_types.InputRequiredResult) else json.dumps(answer)

    @mcp.tool(name="accounts___get_chart", annotations={"readOnlyHint": True})
    def get_chart() -> Image:
        """A chart."""
        return Image(data=PNG, format="png")

    @mcp.tool(name="storage___wipe")
    def wipe(bucket: str) -> str:
        """Empties a bucket."""
        stand_in.wiped += 1
        return f"{bucket} is empty."

    @mcp.tool(name="demo___wait", annotations={"readOnlyHint": True})
    async def wait() -> str:
        """Says on `entered` that it runs and goes on at `release`."""
        stand_in.entered.set()
        await asyncio.to_thread(stand_in.release.wait, 20)
        return "Waited."

    @mcp.tool(name="demo___hold")
    async def hold() -> str:
        """The same for a tool that is not read-only."""
        return await wait()

    @mcp.tool(name="aws-ops___ec2_read_operations")
    def ec2(operation: str) -> str:
        """Reads EC2. Its listing has no annotations, like those of a Lambda target."""
        return f"{operation}: 3 instances"

    return mcp


class Front:
    """Records every request, asks the guard, and plays a server of the older era when told to."""

    def __init__(self, app: Any, stand_in: StandIn, *, legacy: bool) -> None:
        self._app = app
        self._stand_in = stand_in
        self._legacy = legacy

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope.get("raw_path", scope["path"].encode()).decode()
        content = json.loads(body) if body else {}
        self._stand_in.seen.append(Seen(headers, content, path))
        refusal = self._stand_in.guard(headers, body, path)
        if refusal is not None:
            await _answer(send, refusal[0], {"message": refusal[1]})
        elif self._legacy and content.get("method") == "server/discover":
            error = {"code": -32601, "message": "Method not found"}
            await _answer(send, 200, {"jsonrpc": "2.0", "id": content["id"], "error": error})
        else:
            await self._app(scope, _once(body, receive), send)


def _once(body: bytes, receive: Any) -> Any:
    sent = False

    async def again() -> Any:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


async def _answer(send: Any, status: int, content: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


@contextlib.contextmanager
def gateway(*, legacy: bool = False, guard: Guard | None = None) -> Iterator[StandIn]:
    """A running stand-in; with `legacy` it knows the handshake era only."""
    stand_in = StandIn()
    if guard is not None:
        stand_in.guard = guard
    app = tools(stand_in).http_app(path="/mcp")
    front = Front(app, stand_in, legacy=legacy)
    with serve(front) as url:
        stand_in.url = f"{url}/mcp"
        yield stand_in
