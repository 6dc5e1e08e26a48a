"""The stateful demo server with one thing wrong, run as a program: what `skerry smoke` must notice.

The first argument says what: `another` (each whoami is of another sandbox), `uncounted`, `missing` (no
get_weather), `city` (the weather of another city), `altered` (the story comes back changed), `twice`
(the person is asked twice), `error` (a tool fails), `dies` (the process ends in a call), `silent` (a call
is never answered), `unasked` (the story does not come from the client's model), `right` (nothing).
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve

from skerry.client.walk import STORY
from skerry.servers.demo import stateful
from skerry.servers.demo.texts import Profile, Story, Traits
from skerry.servers.demo.weather import Weather, weather


async def once(character: str) -> Elicit[Traits]:
    return Elicit(f"Describe {character}.", Traits)


async def again(character: str) -> Elicit[Traits]:
    return Elicit(f"Describe {character} once more.", Traits)


def replace(server: MCPServer, name: str, function: Any) -> None:
    server.remove_tool(name)
    server.add_tool(function, name=name)


def variant(wrong: str) -> MCPServer:
    server = stateful.create_server()
    calls = 0

    async def whoami() -> dict[str, Any]:
        nonlocal calls
        calls += 1
        number = calls if wrong == "another" else 1
        return {"sandbox_id": f"sandbox-{number}", "pid": os.getpid(), "calls": number}

    async def get_weather(city: str) -> Weather:
        if wrong == "error":
            raise ToolError("the thermometer is broken")
        if wrong == "dies":
            print("the last words of the program", file=sys.stderr, flush=True)
            os._exit(3)
        if wrong == "silent":
            await asyncio.Event().wait()
        return weather("Elsewhere")

    async def altered(topic: str, written: Annotated[Any, Resolve(stateful.write_story)]) -> Story:
        return Story(topic=topic, story=written.content.text.upper(), words=1)

    async def unasked(topic: str) -> Story:
        return Story(topic=topic, story=STORY, words=1)

    async def twice(
        character: str,
        first: Annotated[Traits, Resolve(once)],
        second: Annotated[Traits, Resolve(again)],
    ) -> Profile:
        return Profile(character=character, traits=first.traits, motivation=second.motivation)

    if wrong in ("another", "uncounted"):
        replace(server, "whoami", whoami)
    elif wrong == "missing":
        server.remove_tool("get_weather")
    elif wrong in ("city", "error", "dies", "silent"):
        replace(server, "get_weather", get_weather)
    elif wrong == "altered":
        replace(server, "generate_story_with_sampling", altered)
    elif wrong == "unasked":
        replace(server, "generate_story_with_sampling", unasked)
    elif wrong == "twice":
        replace(server, "create_character_profile", twice)
    return server


if __name__ == "__main__":
    variant(sys.argv[1]).run("stdio")
