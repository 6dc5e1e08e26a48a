"""The server of docs/servers.md, as it stands there but for its addresses."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skerry.servers.url_elicitation import Person
from tests.kit.asgi_thread import serve
from tests.kit.clock import WallClock
from tests.kit.sign_in import CLIENT, SignIn
from tests.kit.token_vault import Browser
from tests.servers.url_elicitation.conftest import ERAS, Desk, connected, send, text
from tests.servers.url_elicitation.test_pages import needed

PAGE = Path(__file__).parents[3] / "docs" / "servers.md"


def program(idp: SignIn, url: str) -> dict[str, Any]:
    """What the page's program defines, at these addresses."""
    (code,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        if "Pages.of" in block
    ]
    for example, real in (
        ('"https://notes.example/mcp", ', f'"{url}/mcp", audience="accounts", '),
        ("https://login.example/team", idp.issuer.issuer),
        ("notes-page", CLIENT),
    ):
        assert example in code
        code = code.replace(example, real)
    defined: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), defined)
    return defined


@pytest.mark.behaviour("PAGE-DOCS")
@pytest.mark.parametrize("mode", ERAS)
async def test_the_example_works_as_it_stands(
    fresh_idp: SignIn, browser: Callable[[str], Browser], mode: str
):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        defined = program(fresh_idp, url)
        ann = browser("ann")

        def opens(link: str) -> str:
            assert send(ann, ann.open(link), key="note-1").status_code == 200
            return "accept"

        with serve(defined["server"].http_app(path="/mcp"), bound=bound):
            desk = Desk(url, fresh_idp, WallClock(), defined["pages"])
            async with connected(desk, mode, opens=opens) as (client, _):
                if mode == "legacy":
                    opens((await needed(client, "list_notes")).url)
                assert text(await client.call_tool("list_notes", {})) == "notes of ann"
    assert defined["keys"] == {Person(fresh_idp.issuer.issuer, "ann"): "note-1"}
