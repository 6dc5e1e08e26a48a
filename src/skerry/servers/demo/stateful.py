"""The stateful demo server: it asks the client during a call, in both MCP eras.

`Resolve` of the SDK sends `sampling/createMessage` and `elicitation/create` on the open call to clients up
to 2025-11-25, and answers `input_required` to newer ones. Either way a tool's body runs once, when the
answers are there. The state is a counter in the process: another process begins at one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import (
    AcceptedElicitation,
    DeclinedElicitation,
    Elicit,
    ElicitationResult,
    Resolve,
    Sample,
)
from mcp.types import CreateMessageResult, SamplingMessage, TextContent, ToolAnnotations

from skerry import __version__
from skerry.servers.demo.sandbox import Identity, Sandbox
from skerry.servers.demo.server import DemoServer
from skerry.servers.demo.texts import (
    STORY_TOKENS,
    Character,
    City,
    Profile,
    Story,
    Topic,
    Traits,
    profile_prompt,
    story,
    story_prompt,
)
from skerry.servers.demo.weather import Weather, weather

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
ASKS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)


async def write_story(topic: str) -> Sample:
    """Asks the model of the client for the story."""
    message = SamplingMessage(role="user", content=TextContent(text=story_prompt(topic)))
    return Sample([message], max_tokens=STORY_TOKENS)


async def describe(character: str) -> Elicit[Traits]:
    """Asks the person for the character's traits."""
    return Elicit(profile_prompt(character), Traits)


def create_server() -> MCPServer:
    """A server with whoami, get_weather, and a tool each that needs sampling and elicitation."""
    server = DemoServer(
        "skerry-demo-stateful",
        version=__version__,
        instructions="A demonstration. Stories are written by your model, profiles by your user.",
        log_level="WARNING",
    )
    sandbox = Sandbox(counts=True)

    @server.tool(annotations=READS)
    async def whoami(ctx: Context) -> Identity:
        """Says which sandbox answers, and how many tool calls its process has had, this one included."""
        sandbox.call()
        return sandbox.identity(ctx.headers, ctx.protocol_version)

    @server.tool(annotations=READS)
    async def get_weather(city: City) -> Weather:
        """The weather of a city. Sample data: made from the name, the same at any time."""
        sandbox.call()
        return weather(city)

    _add_questions(server, sandbox)
    return server


def _add_questions(server: MCPServer, sandbox: Sandbox) -> None:
    @server.tool(annotations=ASKS)
    async def generate_story_with_sampling(
        topic: Topic, written: Annotated[CreateMessageResult, Resolve(write_story)]
    ) -> Story:
        """Has your model write a short story (sampling)."""
        sandbox.call()
        return story(topic, _text(written), written.model)

    @server.tool(annotations=ASKS)
    async def create_character_profile(
        character: Character, answer: Annotated[ElicitationResult[Traits], Resolve(describe)]
    ) -> Profile:
        """Asks your user to describe a character (elicitation)."""
        sandbox.call()
        if isinstance(answer, AcceptedElicitation):
            return Profile(character=character, traits=answer.data.traits, motivation=answer.data.motivation)
        declined = isinstance(answer, DeclinedElicitation)
        return Profile(character=character, status="declined" if declined else "cancelled")


def _text(written: CreateMessageResult) -> str:
    """The text of a sampled message. Raises ToolError where the model sent none."""
    content = written.content if isinstance(written.content, Sequence) else [written.content]
    text = "\n".join(block.text for block in content if isinstance(block, TextContent)).strip()
    if not text:
        raise ToolError("The client's model sent no text, so there is no story.")
    return text
