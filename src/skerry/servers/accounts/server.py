"""The accounts MCP server: get_email, change_email (asks first) and get_chart.

Stateless between calls: who calls is in each request's bearer token, and a pending confirmation is in
the sealed `requestState` that the client carries (MCP 2026-07-28) or in the open call (before).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
import mcp_types as types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools.base import ToolResult
from fastmcp.utilities.types import Image
from mcp.server.request_state import RequestStateSecurity
from pydantic import Field

from skerry.servers.accounts import chart
from skerry.servers.accounts.api import address
from skerry.servers.accounts.desk import PART, Desk
from skerry.servers.arguments import ReadableArguments
from skerry.servers.elicitation import Answer, Question, confirm
from skerry.settings import AccountsSettings

INSTRUCTIONS = (
    "Accounts of the caller's tenant: read an e-mail address, change it, or draw the activity. "
    "A change asks the person for a confirmation by itself; do not ask a second time."
)
STATE_LIFETIME = 600.0
"""Seconds that a person has to confirm where the client carries the question."""

AccountId = Annotated[str, Field(description="The account's id, such as 12345.", min_length=1, max_length=32)]
NewEmail = Annotated[
    str, Field(description="The new e-mail address, such as name@example.com.", max_length=254)
]
OneAccount = Annotated[
    str, Field(description="One account's id; left out: all accounts of the tenant.", max_length=32)
]


def create_server(desk: Desk) -> FastMCP:
    """The MCP server over `desk`."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await desk.http.aclose()

    server: FastMCP = FastMCP(
        PART,
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        mask_error_details=True,
        request_state_security=_sealing(desk.settings),
    )
    server.add_middleware(ReadableArguments())
    _add_readers(server, desk)
    _add_change(server, desk)
    return server


def _add_readers(server: FastMCP, desk: Desk) -> None:
    read_only = types.ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True)

    @server.tool(annotations=read_only, title="E-mail address")
    async def get_email(account_id: AccountId, ctx: Context) -> str:
        """Gets the email address of an account."""
        async with desk.visit(ctx, "get_email") as (_, accounts):
            return await accounts.email(account_id)

    @server.tool(annotations=read_only, title="Chart", output_schema=None)
    async def get_chart(ctx: Context, account_id: OneAccount = "") -> ToolResult:
        """Shows a chart of the activity (payments per month) as an image."""
        async with desk.visit(ctx, "get_chart") as (_, accounts):
            tenant, points = await accounts.activity(account_id)
            whose = f"Account {account_id}" if account_id else "All accounts"
            subtitle = f"{whose} of {tenant}"
            draw = partial(chart.draw, "Payments per month", subtitle, points, axes=("Month", "Payments"))
            picture = Image(data=await anyio.to_thread.run_sync(draw), format="png")
            said = types.TextContent(text=_summary(subtitle, points))
            return ToolResult(content=[said, picture.to_image_content()])


def _add_change(server: FastMCP, desk: Desk) -> None:
    changes = types.ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)

    @server.tool(annotations=changes, title="Change the e-mail address")
    async def change_email(
        account_id: AccountId, new_email: NewEmail, ctx: Context
    ) -> str | types.InputRequiredResult:
        """Changes the email address of an account. Asks the person to confirm first."""
        async with desk.visit(ctx, "change_email") as (caller, accounts):
            wrong = address.problem(new_email)
            if wrong:
                raise ToolError(f"Nothing was changed. {wrong}")
            current = await accounts.email(account_id)
            if current == new_email:
                return f"Nothing was changed: the address of account {account_id} is {current} already."
            answer = await confirm(
                ctx,
                Question(
                    tool="change_email",
                    arguments={"account_id": account_id, "new_email": new_email},
                    principal=caller.name,
                    summary=f"Change the e-mail address of account {account_id}? It is {current} now.",
                    timeout=desk.settings.confirm_timeout,
                ),
            )
            if not isinstance(answer, Answer):
                return answer
            if not answer.approval:
                return f"Nothing was changed: {answer.reason}."
            previous = await accounts.set_email(account_id, new_email, approval=answer.approval)
            return f"The e-mail address of account {account_id} is now {new_email} (before: {previous})."


def _sealing(settings: AccountsSettings) -> RequestStateSecurity:
    """A key that every replica of this client has, so that any of them may hear the answer."""
    key = hmac.new(settings.client_secret.encode(), b"skerry accounts request state", hashlib.sha256).digest()
    return RequestStateSecurity(keys=[key], ttl=STATE_LIFETIME, audience=settings.audience)


def _summary(subtitle: str, points: list[tuple[str, int]]) -> str:
    """The chart in words, for those who cannot see it."""
    if not points:
        return f"{subtitle}: no payments."
    total, best = sum(count for _, count in points), max(points, key=lambda point: point[1])
    span = f"{points[0][0]} to {points[-1][0]}"
    return f"{subtitle}, {span}: {total} payments, the most in {best[0]} ({best[1]})."
