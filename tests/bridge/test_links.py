"""Pages that a server wants opened, through a bridge that hosts a proxy: both relays, every pair of eras."""

from __future__ import annotations

import sys

import pytest

from tests.kit.bridge import bridge
from tests.kit.link_walk import PAIRS, Pair, Person, answered, connected
from tests.kit.page_server import MESSAGE, page_server


@pytest.mark.behaviour("LINK-RELAYS")
@pytest.mark.parametrize("action", ["accept", "decline"])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
async def test_a_link_reaches_the_person_and_the_answer_the_server(pair: Pair, action: str):
    with page_server(pair.server) as server:
        server.way = pair.way
        person = Person(server, action)
        command = [sys.executable, "-m", "skerry", "proxy", server.url, "--auth", "none"]
        async with (
            bridge(command=command) as running,
            connected(f"{running.base}/mcp", pair, person) as client,
        ):
            result = await answered(client, "sign_in", person, pair)
        (page,) = person.asked
        assert (page.url, page.message) == (server.page, MESSAGE)
        assert server.ran == (1 if action == "accept" else 0)
        if pair.way != "error":
            assert server.actions == [action]
        if action == "accept":
            assert result.content[0].text == "signed in"
