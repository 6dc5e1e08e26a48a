"""What the Terraform tools work with, and what happens around each of their calls."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import mcp_types as types
from fastmcp import Context
from fastmcp.exceptions import ToolError

from skerry.auth.http.transport import Transport
from skerry.auth.jwt.keys import Clock, Keys
from skerry.auth.moved_clock import clock_of
from skerry.servers.caller import Caller, identify, request_headers
from skerry.servers.elicitation import Answer, Question, confirm
from skerry.servers.http_auth import ProtectedResource
from skerry.servers.terraform.arguments import Item, one_line, page_of
from skerry.servers.terraform.checks import check_server
from skerry.servers.terraform.cloud import Cloud, Value
from skerry.servers.terraform.failures import HOW_TO_GIVE_ONE
from skerry.servers.terraform.library import TFEClient
from skerry.servers.terraform.state import Preferences, Session, Sessions
from skerry.servers.terraform.stores import derived, open_sessions
from skerry.servers.visit import recorded
from skerry.settings import TerraformSettings
from skerry.wire.context import ClientContext

PART = "terraform"


@dataclass(frozen=True, slots=True)
class Desk:
    """What the tools work with. `resource` is None over stdio, where the only caller is who started it."""

    settings: TerraformSettings
    resource: ProtectedResource | None
    sessions: Sessions
    cloud: Cloud
    clock: Clock
    secret: bytes = field(repr=False)
    closers: tuple[Callable[[], Awaitable[None]], ...]
    own_session: str = field(repr=False)

    @classmethod
    def of(cls, settings: TerraformSettings, *, url: str, clock: Clock = time) -> Desk:
        """The desk of a server whose clients type `url`; empty: over stdio. Raises ConfigurationError."""
        check_server(settings, served=bool(url))
        opened = open_sessions(settings, clock)
        cloud = Cloud.of(settings)
        http = httpx2.AsyncClient(trust_env=False, timeout=settings.api_timeout)
        tokens_by = clock_of(settings.token_clock, clock)
        keys = Keys.of_issuer(settings.issuer, fetch=Transport(http).fetch, clock=tokens_by)
        resource = ProtectedResource(url, settings.issuer, settings.audience, keys) if url else None
        return cls(
            settings,
            resource,
            opened.sessions,
            cloud,
            clock,
            opened.secret,
            (http.aclose, cloud.close, opened.close),
            f"stdio-{secrets.token_urlsafe(16)}",
        )

    async def close(self) -> None:
        """Lets go of everything."""
        for close in self.closers:
            await close()

    @contextlib.asynccontextmanager
    async def visit(self, ctx: Context, tool: str) -> AsyncIterator[Visit]:
        """One tool call: a hop in the log, a ToolError for every failure."""
        target = self.settings.audience
        headers = request_headers(ctx)
        async with recorded(PART, tool, target=target, clock=self.clock, headers=headers) as record:
            if headers is None or self.resource is None:
                record.context = ClientContext(session_id=self.own_session, timestamp=self.clock.time())
                record.caller = Caller("stdio", "local")
            else:
                record.context = ClientContext.from_headers(headers, now=self.clock.time())
                record.caller = await identify(headers, self.resource, "")
            session = self.sessions.of(record.caller, record.context.session_id)
            previous = None
            if session is not None:  # before the tool does anything: a store that fails afterwards would lie
                previous = await session.context()
                await session.remember(record.context)
            yield Visit(self, ctx, tool, record.caller, record.context, session, previous)


@dataclass(frozen=True, slots=True)
class Visit:
    """One call of a tool: who makes it, in which session, and what it may reach.

    `previous` is the client context of the session's call before this one.
    """

    desk: Desk
    ctx: Context
    tool: str
    caller: Caller
    context: ClientContext
    session: Session | None
    previous: Mapping[str, object] | None

    async def preferences(self) -> Preferences:
        """What the caller set for this session, else nothing."""
        return await self.session.preferences() if self.session is not None else Preferences()

    async def token(self) -> tuple[str, str]:
        """The Terraform token of this call and where it is from: `session`, `deployment`, or `none`."""
        own = await self.session.token() if self.session is not None else ""
        if own:
            return own, "session"
        deployed = self.desk.settings.token
        return (deployed, "deployment") if deployed else ("", "none")

    async def call(self, work: Callable[[TFEClient], Value], *, writes: bool = False) -> Value:
        """Terraform with this caller's token. Raises ToolError without one, TerraformError when it fails."""
        token, _ = await self.token()
        if not token:
            raise ToolError(f"There is no Terraform token for this call. {HOW_TO_GIVE_ONE}")
        return await self.desk.cloud.call(token, work, writes=writes)

    async def organization(self, given: str) -> str:
        """The organization that a tool is to use: as given, else the session's, else the server's.

        Raises ToolError when there is none, or when this server does not serve it.
        """
        name = given or (await self.preferences()).organization or self.desk.settings.organization
        if not name:
            raise ToolError(
                "Which organization? Name it in terraform_org_name, or set a default with set_preferences; "
                "list_terraform_orgs lists them."
            )
        self.allow(name)
        return name

    async def project(self, given: str, organization: str) -> str:
        """The project that a tool is to use: as given, else the session's where its organization is meant."""
        preferences = await self.preferences()
        ours = organization in ("", preferences.organization)
        return given or (preferences.project if ours else "")

    async def listing(
        self,
        name: str,
        find: Callable[[TFEClient], Iterable[Item]],
        shape: Callable[[Item], dict[str, Any]],
        *,
        page: int,
        limit: int,
    ) -> dict[str, Any]:
        """One page of a list of Terraform's, under `name`, with whether there is more."""
        found, more = await self.call(lambda client: page_of(find(client), page, limit))
        return {name: [shape(each) for each in found], "count": len(found), "more": more}

    def serves(self, organization: str) -> bool:
        """Whether this server works for an organization at all."""
        allowed = self.desk.settings.organizations
        return not allowed or organization.casefold() in {name.casefold() for name in allowed}

    def allow(self, organization: str) -> None:
        """Raises ToolError when this server does not work for the organization."""
        if not organization or not self.serves(organization):
            raise ToolError(
                f"This server does not work for the organization '{organization or 'unknown'}'. "
                f"It works for: {', '.join(self.desk.settings.organizations)}."
            )

    def hidden(self, value: str) -> str:
        """A secret value as a confirmation may show it: what an answer is bound to, and no more."""
        key = derived(self.desk.secret, "hidden values")
        return f"(sensitive, {hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:16]})"

    async def approved(
        self, summary: str, arguments: Mapping[str, object]
    ) -> types.InputRequiredResult | str | None:
        """Asks the person. None is a yes; anything else is what the tool must return.

        `arguments` is everything that the answer is bound to: also what the person was shown of the state
        of things, so that an answer does not hold for another state.
        """
        answer = await confirm(
            self.ctx,
            Question(
                tool=self.tool,
                arguments={name: _text(value) for name, value in arguments.items()},
                principal=self.caller.name,
                summary=one_line(summary),
                timeout=self.desk.settings.confirm_timeout,
            ),
        )
        if not isinstance(answer, Answer):
            return answer
        if not answer.approval:
            return f"Nothing was changed: {answer.reason}."
        if not await self.desk.sessions.spend(self.caller, answer.approval):
            return "Nothing was changed: this confirmation was used before."
        return None


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
