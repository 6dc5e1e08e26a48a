"""The tool's side: what a call says while its page is open, in the words of the client's era.

legacy   -32042 with the link; `notifications/elicitation/complete`; the client calls again
         or, with `hold`, `elicitation/create` on the open call, which waits for the page
modern   `input_required` with the link; the client calls again with `requestState`, which FastMCP seals
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import mcp_types as types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_access_token
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from skerry.auth.http.transport import Transport
from skerry.auth.ports import Clock
from skerry.errors import ConfigurationError
from skerry.servers.resource_auth import ResourceAuth
from skerry.servers.url_elicitation.errands import LIFE, Errand, Errands
from skerry.servers.url_elicitation.form import Form
from skerry.servers.url_elicitation.person import NoPersonError, Person
from skerry.servers.url_elicitation.site import Door, Site
from skerry.wire import eras
from skerry.wire.links import link

KEY = "page"
"""The key of the question in `inputRequests`."""
PATIENCE = 20.0
_URL_MODE: Mapping[str, Any] = {"elicitation": {"url": {}}}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a page: `done`, or a `reason` why not, which completes `Nothing was done: …`."""

    done: bool
    reason: str = ""


class PageNeededError(ToolError):
    """A page has to be visited before the call can go on; `elicitation` says which."""

    def __init__(self, elicitation: types.ElicitRequestURLParams) -> None:
        super().__init__(f"A person has to open this page first, then call again: {elicitation.url}")
        self.elicitation = elicitation


class Pages:
    """The pages of one server process. `patience` and `hold` are seconds.

    `patience` is how long a call of 2026-07-28 that comes back after the person agreed waits for the page
    before it asks again. `hold` lets a call up to 2025-11-25 stay open for the page, where the client can be
    asked on it; 0 always answers -32042.
    """

    def __init__(self, door: Door, *, clock: Clock, life: float, patience: float, hold: float) -> None:
        if (wrong := link(door.url).problem) or urlsplit(door.url).path:
            raise ConfigurationError(
                f"the pages cannot be at {door.url}: {wrong or 'it is an origin, without a path.'}"
            )
        self.errands = Errands(clock, life=life)
        self.site = Site(self.errands, door, _told)
        self._tenant_claim = door.tenant_claim
        self._patience = patience
        self._hold = hold

    @classmethod
    def of(
        cls,
        auth: ResourceAuth,
        *,
        client_id: str,
        url: str = "",
        tenant_claim: str = "",
        life: float = LIFE,
        patience: float = PATIENCE,
        hold: float = 0.0,
        clock: Clock = time,
    ) -> Pages:
        """The pages of a server that `auth` guards.

        `client_id` is a public client at its issuer (code, PKCE) that may come back to `/pages/callback`.
        `url` is the origin that browsers reach the server at, that of the resource when left out: https, or
        loopback. `tenant_claim` names the claim of the tenant, where one person may have several. Raises
        ConfigurationError.
        """
        http = httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))
        transport = Transport(http)
        parts = urlsplit(auth.resource.url)
        origin = url.rstrip("/") or f"{parts.scheme}://{parts.netloc}"
        door = Door(auth.resource, client_id, origin, transport.fetch, transport.post, tenant_claim)
        return cls(door, clock=clock, life=life, patience=patience, hold=hold)

    def attach(self, server: FastMCP) -> None:
        """Adds the pages to a server, and lets its tools answer -32042 (FastMCP makes errors results)."""
        for route in self.site.routes():
            methods = sorted((route.methods or set()) - {"HEAD"})
            server.custom_route(route.path, methods=methods, include_in_schema=False)(route.endpoint)
        server.add_middleware(_Required())

    def person(self) -> Person:
        """Who makes the call under way, by its verified token. Raises NoPersonError."""
        token = get_access_token()
        if token is None:
            raise NoPersonError(
                "A page has to be opened first, and this call carries no token that says by whom. Over stdio "
                "there are no pages: serve over http, with ResourceAuth."
            )
        return Person.of_claims(token.claims, tenant_claim=self._tenant_claim)

    async def visit(
        self,
        ctx: Context,
        form: Form,
        *,
        tool: str,
        arguments: Mapping[str, object] | None = None,
        person: Person | None = None,
    ) -> Outcome | types.InputRequiredResult:
        """What became of the page, or the result that the tool must return so that it is opened.

        Call it before the tool does anything: the tool runs again from its first line. An outcome holds for
        one call of `tool` with these `arguments` by this `person` (that of the token when left out). Raises
        NoPersonError for a caller who is none; ToolError, in the newer era MCPError (-32021), for a client
        that shows no pages.
        """
        owner, given = person or self.person(), arguments or {}
        if form.holds is not None and form.holds(owner):
            return Outcome(True)
        request = ctx.request_context
        if request is not None and request.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return await self._modern(ctx, form, owner, tool, given)
        return await self._legacy(ctx, form, owner, tool, given)

    # ── since 2026-07-28 ────────────────────────────────────────────────────────────────────────

    async def _modern(
        self, ctx: Context, form: Form, person: Person, tool: str, arguments: Mapping[str, object]
    ) -> Outcome | types.InputRequiredResult:
        state, answer = ctx.request_state, (ctx.input_responses or {}).get(KEY)
        if state is None:
            return self._asked(ctx, self.errands.open(person, form, tool=tool, arguments=arguments))
        errand = self.errands.of_call(state, person, tool=tool, arguments=arguments)
        if errand is None:
            return Outcome(False, "the page belongs to another call, or its time is over")
        if answer is not None and getattr(answer, "action", "") != "accept":
            self.errands.refuse(errand)
        elif answer is not None:
            await self._settled(errand, self._patience)
        return self._asked(ctx, errand) if errand.status == "open" else self._outcome(errand)

    def _asked(self, ctx: Context, errand: Errand) -> types.InputRequiredResult | Outcome:
        if errand.status != "open":
            return self._outcome(errand)
        if not _shows_pages(ctx):
            raise MCPError(
                eras.MISSING_CLIENT_CAPABILITY,
                "A person has to open a page first, which needs the capability elicitation.url.",
                {"requiredCapabilities": _URL_MODE},
            )
        page = types.ElicitRequestURLParams(message=_message(errand), url=self.site.url_of(errand))
        return types.InputRequiredResult(
            input_requests={KEY: types.ElicitRequest(params=page)}, request_state=errand.name
        )

    # ── up to 2025-11-25 ────────────────────────────────────────────────────────────────────────

    async def _legacy(
        self, ctx: Context, form: Form, person: Person, tool: str, arguments: Mapping[str, object]
    ) -> Outcome:
        if not _shows_pages(ctx):
            raise ToolError(
                "A person has to open a page first, and this client cannot show one: it declared no "
                "elicitation.url, or has no session to declare it in."
            )
        errand = self.errands.open(person, form, tool=tool, arguments=arguments)
        if errand.status == "open":
            page = types.ElicitRequestURLParams(
                message=_message(errand), url=self.site.url_of(errand), elicitation_id=errand.name
            )
            errand.listeners[ctx.session_id] = partial(ctx.session.send_elicit_complete, errand.name)
            if not (self._hold and ctx.session.can_send_request) or not await self._held(ctx, errand, page):
                raise PageNeededError(page)
        return self._outcome(errand)

    async def _held(self, ctx: Context, errand: Errand, page: types.ElicitRequestURLParams) -> bool:
        """Asks on the open call and waits for the page; False when it is still open after that."""
        try:
            with anyio.fail_after(self._hold):
                assert page.elicitation_id is not None
                answer = await ctx.session.elicit_url(
                    page.message, page.url, page.elicitation_id, related_request_id=ctx.request_id
                )
        except (TimeoutError, MCPError, ValidationError):
            return False
        if answer.action != "accept":
            self.errands.refuse(errand)
        await self._settled(errand, self._hold)
        return errand.status != "open"

    # ── both ────────────────────────────────────────────────────────────────────────────────────

    async def _settled(self, errand: Errand, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, self.errands.left(errand))):
                await errand.settled.wait()

    def _outcome(self, errand: Errand) -> Outcome:
        holds = errand.form.holds
        if holds is not None and errand.status == "done" and not holds(errand.person):
            return Outcome(False, "what the page was for is gone again")
        if self.errands.take(errand):
            return Outcome(True)
        used = errand.status == "used"
        return Outcome(
            False, "the page was used for another call" if used else "the person refused to use the page"
        )


class _Required(Middleware):
    async def on_call_tool(
        self,
        context: MiddlewareContext[types.CallToolRequestParams],
        call_next: CallNext[types.CallToolRequestParams, Any],
    ) -> Any:
        """The call, or the protocol's own error when it needs a page first."""
        try:
            return await call_next(context)
        except PageNeededError as needed:
            raise UrlElicitationRequiredError([needed.elicitation], "This call needs a page first.") from None


async def _told(errand: Errand) -> None:
    """The sessions that asked are told, if they still listen, and nobody else."""
    for listener in list(errand.listeners.values()):
        with suppress(MCPError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await listener()


def _message(errand: Errand) -> str:
    return errand.form.message or errand.form.title


def _shows_pages(ctx: Context) -> bool:
    capabilities = ctx.session.client_capabilities
    declared = capabilities.elicitation if capabilities is not None else None
    return declared is not None and declared.url is not None
