"""Your own FastMCP server with skerry's verifier in front: notes, one tool to read and one to write.

    NOTES_ISSUER=http://127.0.0.1:4702/team python server.py

Who has the scope notes/read may read; adding a note needs notes/write too. The scope `notes` includes both.
"""

import os

from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token

from skerry.auth.moved_clock import clock_of
from skerry.servers.resource_auth import ResourceAuth
from skerry.settings.values import token_clock

PORT = int(os.environ.get("NOTES_PORT", "8010"))
URL = os.environ.get("NOTES_URL", f"http://127.0.0.1:{PORT}/mcp")  # as clients type it

auth = ResourceAuth.of_issuer(
    URL,
    issuer=os.environ["NOTES_ISSUER"],
    scopes=["notes/read"],
    tool_scopes={"add_note": ["notes/write"]},
    includes={"notes": ["notes/read", "notes/write"]},
    clock=clock_of(token_clock(os.environ)),  # what `skerry idp clock` moves, when a stack started this
)
server = FastMCP("notes", auth=auth)
notes: dict[str, list[str]] = {}


def owner() -> str:
    """Whose notes: the subject of the token, which is verified by now."""
    token = get_access_token()
    return (token.subject or "") if token else ""


@server.tool
def list_notes() -> list[str]:
    """Lists your notes."""
    return notes.get(owner(), [])


@server.tool
def add_note(text: str) -> str:
    """Adds a note to yours."""
    notes.setdefault(owner(), []).append(text)
    return "added"


if __name__ == "__main__":
    server.run("http", host="127.0.0.1", port=PORT, path="/mcp", show_banner=False)
