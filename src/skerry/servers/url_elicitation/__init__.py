"""Asking a person to visit a page of the server's own (URL-mode elicitation), in both MCP eras.

    pages = Pages.of(auth, client_id="notes-pages")       # auth is the server's ResourceAuth
    pages.attach(server)

    @server.tool
    async def list_notes(ctx: Context) -> str | InputRequiredResult:
        outcome = await pages.visit(ctx, KEY, tool="list_notes")     # KEY is a Form
        if not isinstance(outcome, Outcome):
            return outcome
        ...

What a model must not see (passwords, keys, payments) is typed there and nowhere else. Whoever opens the link
signs in, and only who called the tool gets to the form: a link that is passed on is worth nothing.

Sources: MCP 2025-11-25 (elicitation in URL mode, -32042, `notifications/elicitation/complete`) and 2026-07-28
(multi round-trip requests).
"""

from skerry.servers.url_elicitation.errands import Errand, Errands
from skerry.servers.url_elicitation.form import Field, Form
from skerry.servers.url_elicitation.pages import Outcome, Pages
from skerry.servers.url_elicitation.person import NoPersonError, Person

__all__ = ["Errand", "Errands", "Field", "Form", "NoPersonError", "Outcome", "Pages", "Person"]
