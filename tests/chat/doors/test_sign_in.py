"""An agent's service asks for a token, and the chat signs in for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.auth.ports import Surroundings
from skerry.chat.doors.connection import Connection, RefusedError, Request
from skerry.chat.target import Wanted, find
from skerry.errors import TokenError
from skerry.settings import SignInSettings
from tests.kit.authorization import Authorization, Visitor, authorization


@pytest.fixture
def server() -> Iterator[Authorization]:
    with authorization() as running:
        yield running


def connection(server: Authorization, folder: Path, visitor: Visitor | None) -> Connection:
    around = Surroundings(visitor.open if visitor is not None else None)
    wanted = Wanted(url=server.mcp, state=folder, client=SignInSettings(tokens=folder, keyring=False))
    return Connection(find(wanted, around).proof, server.mcp)


def ask(connection: Connection, server: Authorization, method: str) -> object:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode()
    return connection.data(Request("POST", server.mcp, body))


@pytest.mark.behaviour("LOGIN-CHAT")
def test_a_service_that_asks_is_signed_in_for_and_stepped_up_to(server: Authorization, tmp_path: Path):
    server.needs = lambda method: {"mcp:admin"} if method == "tools/list" else {"mcp:use"}
    visitor = Visitor()
    chat = connection(server, tmp_path, visitor)
    assert chat.proof.shown().identity == ""
    assert ask(chat, server, "ping") == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert ask(chat, server, "tools/list")
    assert ask(chat, server, "ping")
    assert [set(scopes.split()) - {"offline_access"} for scopes in visitor.scopes] == [
        {"mcp:use"},
        {"mcp:use", "mcp:admin"},
    ]
    assert chat.proof.shown().expires is not None
    chat.close()
    again = connection(server, tmp_path, None)
    assert ask(again, server, "tools/list")
    again.proof.sign_out()
    with pytest.raises(TokenError, match="nobody is signed in"):
        ask(again, server, "ping")
    again.close()


@pytest.mark.behaviour("LOGIN-CHAT")
def test_a_service_that_takes_no_token_is_an_error_and_no_loop(server: Authorization, tmp_path: Path):
    server.takes_nothing = True
    visitor = Visitor()
    chat = connection(server, tmp_path, visitor)
    for _ in range(2):
        with pytest.raises(RefusedError):
            ask(chat, server, "ping")
    assert len(visitor.opened) == 1
    chat.close()
