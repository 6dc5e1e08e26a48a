"""The tools: get_statements, which sends its person to a page for a key, and disconnect_statements."""

from __future__ import annotations

import json

import mcp_types as types
from fastmcp import Context, FastMCP

from skerry.servers.arguments import ReadableArguments
from skerry.servers.resource_auth import ResourceAuth
from skerry.servers.statements.store import PREFIX, Store
from skerry.servers.url_elicitation import Field, Form, Outcome, Pages

PART = "statements"
INSTRUCTIONS = (
    "Bank statements of the person who calls. The first call sends them to a page for the key of the store; "
    "never ask for the key yourself."
)
_READS = types.ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True)
_FORGETS = types.ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)


def create_server(auth: ResourceAuth, pages: Pages, store: Store) -> FastMCP:
    """The server, to be served over HTTP: a page needs somewhere to be."""
    server: FastMCP = FastMCP(PART, instructions=INSTRUCTIONS, auth=auth, mask_error_details=True)
    server.add_middleware(ReadableArguments())
    form = Form(
        title="Connect your bank statements",
        text="The key stays with the statements server. Neither the chat nor its model sees it.",
        message="To read your bank statements, the statements server needs your key of the store.",
        fields=[
            Field(name="key", label="Key of the store", hint=f"It begins with {PREFIX}", secret=True),
        ],
        submit=store.connect,
        holds=store.is_open,
        button="Connect",
        done="Connected. You can close this page and go back to the chat.",
    )

    @server.tool(annotations=_READS, title="Bank statements")
    async def get_statements(ctx: Context) -> str | types.InputRequiredResult:
        """Gets the caller's bank statements by month, in cents. Sends them to a page for a key first."""
        person = pages.person()
        outcome = await pages.visit(ctx, form, tool="get_statements", person=person)
        if not isinstance(outcome, Outcome):
            return outcome
        if not outcome.done:
            return f"Nothing was read: {outcome.reason}."
        return json.dumps([statement.model_dump() for statement in store.statements(person)])

    @server.tool(annotations=_FORGETS, title="Disconnect the bank statements")
    async def disconnect_statements() -> str:
        """Forgets the caller's key of the store."""
        found = store.disconnect(pages.person())
        return "Disconnected: the key is forgotten." if found else "There was no key to forget."

    pages.attach(server)
    return server
