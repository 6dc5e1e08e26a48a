"""The stateless demo server: what a call needs comes with the call.

A server that cannot ask in the middle of a call asks in its answer: `request_…` says what it wants
written and which tool takes the result.
"""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from skerry import __version__
from skerry.servers.demo.sandbox import Identity, Sandbox
from skerry.servers.demo.server import DemoServer
from skerry.servers.demo.texts import (
    Character,
    City,
    Line,
    Profile,
    Story,
    Text,
    Topic,
    Traits,
    profile_prompt,
    story,
    story_prompt,
)
from skerry.servers.demo.weather import Weather, weather

READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


class Request(BaseModel):
    """What the client is to do next: follow the prompt, then call the tool with the rest filled in."""

    prompt: str
    next_tool: str
    arguments: dict[str, Any] = Field(description="What of the next call is known already.")
    missing: dict[str, Any] = Field(description="JSON Schema of what the client adds.")


def create_server() -> MCPServer:
    """A server with whoami, get_weather and the two pairs of request and submit."""
    server = DemoServer(
        "skerry-demo-stateless",
        version=__version__,
        instructions="A demonstration. Stories and profiles are written by you: request, write, submit.",
        log_level="WARNING",
    )
    sandbox = Sandbox(counts=False)

    @server.tool(annotations=READS)
    async def whoami(ctx: Context) -> Identity:
        """Says which sandbox answers: a per-process id, the pid, and the session if a header names one."""
        return sandbox.identity(ctx.headers, ctx.protocol_version)

    @server.tool(annotations=READS)
    async def get_weather(city: City) -> Weather:
        """The weather of a city. Sample data: made from the name, the same at any time."""
        return weather(city)

    _add_story(server)
    _add_profile(server)
    return server


def _add_story(server: MCPServer) -> None:
    @server.tool(annotations=READS)
    async def request_story(topic: Topic) -> Request:
        """Asks you to write a short story; send it with submit_story."""
        text = {"type": "string", "description": "The story."}
        return Request(
            prompt=story_prompt(topic),
            next_tool="submit_story",
            arguments={"topic": topic},
            missing={"type": "object", "properties": {"story": text}, "required": ["story"]},
        )

    @server.tool(annotations=READS, name="submit_story")
    async def submit_story(topic: Topic, story: Text) -> Story:
        """Takes the story that request_story asked for."""
        return _story(topic, story)


def _add_profile(server: MCPServer) -> None:
    @server.tool(annotations=READS)
    async def request_character_profile(character: Character) -> Request:
        """Asks you to describe a character; send it with submit_character_profile."""
        return Request(
            prompt=profile_prompt(character),
            next_tool="submit_character_profile",
            arguments={"character": character},
            missing=Traits.model_json_schema(),
        )

    @server.tool(annotations=READS)
    async def submit_character_profile(character: Character, traits: Line, motivation: Line) -> Profile:
        """Takes the description that request_character_profile asked for."""
        return Profile(character=character, traits=traits, motivation=motivation)


_story = story  # the tool has an argument of that name
