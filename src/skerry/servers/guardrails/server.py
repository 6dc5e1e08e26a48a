"""The MCP face of the guardrail: one tool that reads and changes nothing.

Stateless: what a call needs comes with it, and which guardrails there are is a setting.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any, Literal, Protocol

import mcp_types as types
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_headers
from pydantic import Field

from skerry.errors import RemoteError
from skerry.servers.arguments import ReadableArguments
from skerry.servers.guardrails.bedrock import Bedrock
from skerry.servers.guardrails.verdict import Policy, Verdict, verdict
from skerry.settings import GuardrailsSettings
from skerry.wire import trace

PART = "guardrails"
INSTRUCTIONS = (
    "Checks a text against a guardrail of Amazon Bedrock before it is used: what a person wrote (INPUT) or "
    "what a model answered (OUTPUT). Pass on `text` of the answer, never what was blocked."
)

Source = Literal["INPUT", "OUTPUT"]
Content = Annotated[str, Field(description="The text to check.", min_length=1)]
Whence = Annotated[Source, Field(description="INPUT: a person wrote it. OUTPUT: a model did.")]
Chosen = Annotated[str, Field(description="The id of an allowed guardrail; left out: the default one.")]
Version = Annotated[str, Field(description="An allowed version of it, such as 1 or DRAFT.")]
Query = Annotated[str, Field(description="What the person asked, for relevance and for premises.")]
Grounds = Annotated[str, Field(description="The text that an answer must be grounded in.")]
Shown = Annotated[list[Policy] | None, Field(description="Show findings of these policies only.")]


class Service(Protocol):
    """Who applies a guardrail."""

    async def apply(
        self, guardrail: tuple[str, str], source: str, content: list[dict[str, Any]]
    ) -> Mapping[str, Any]:
        """The answer of ApplyGuardrail. Raises RemoteError."""
        ...

    def close(self) -> None:
        """Gives back what it holds."""
        ...


def create_server(
    settings: GuardrailsSettings, service: Callable[[GuardrailsSettings], Service] = Bedrock
) -> FastMCP:
    """The MCP server over Bedrock, or over another `service`."""
    bedrock = service(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            bedrock.close()

    server: FastMCP = FastMCP(PART, instructions=INSTRUCTIONS, lifespan=lifespan, mask_error_details=True)
    server.add_middleware(ReadableArguments())
    reads = types.ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
    )

    @server.tool(annotations=reads, title="Validate content")
    async def validate_content(  # noqa: PLR0917  (the arguments of a tool have names)
        content: Content,
        source: Whence = "INPUT",
        guardrail: Chosen = "",
        version: Version = "",
        query: Query = "",
        grounding_source: Grounds = "",
        policies: Shown = None,
    ) -> Verdict:
        """Checks a text against a guardrail: allowed, blocked or anonymized, with each policy's findings."""
        chosen = choose(settings, guardrail, version)
        size = len(content) + len(query) + len(grounding_source)
        if size > settings.max_characters:
            raise ToolError(
                f"The content has {size} characters; {settings.max_characters} are allowed in one call. "
                "Split it at paragraphs and check each part."
            )
        if not content.strip():
            raise ToolError("The content is blank. Send the text to check.")
        try:
            with trace.within(trace.caller(get_http_headers())):
                answer = await bedrock.apply(chosen, source, _blocks(content, query, grounding_source))
        except RemoteError as error:
            raise ToolError(str(error)) from error
        return verdict(answer, content=content, source=source, guardrail=chosen, policies=policies or ())

    return server


def choose(settings: GuardrailsSettings, guardrail: str, version: str) -> tuple[str, str]:
    """The guardrail and version of a call. Raises ToolError for what the settings do not allow."""
    for allowed in settings.allowed:
        same = not guardrail or guardrail in (allowed[0], allowed[0].rpartition("/")[2])
        if same and version in ("", allowed[1]):
            return allowed
    names = ", ".join(f"{name} version {number}" for name, number in settings.allowed)
    asked = " ".join(filter(None, (guardrail or "the default guardrail", version and f"version {version}")))
    raise ToolError(f"{asked[:200]} is not allowed here. Allowed: {names}.")


def _blocks(content: str, query: str, grounding_source: str) -> list[dict[str, Any]]:
    """The content as Bedrock takes it: qualifiers only where there is something beside it."""
    beside = [("grounding_source", grounding_source), ("query", query)]
    found: list[dict[str, Any]] = [
        {"text": {"text": text, "qualifiers": [kind]}} for kind, text in beside if text
    ]
    guarded = {"qualifiers": ["guard_content"]} if found else {}
    return [*found, {"text": {"text": content, **guarded}}]
