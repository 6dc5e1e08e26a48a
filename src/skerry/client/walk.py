"""The walk through a known server: one step after the other, each with what was seen and a verdict.

The steps of a mode come from its tools: a server with `generate_story_with_sampling` keeps state and asks
during a call, one with `request_story` keeps none, one with `validate_content` judges a text. What the
client is asked is answered with fixed values, so that every answer can be checked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp.client import Client, ClientRequestContext
from mcp.types import (
    CallToolResult,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
    TextContent,
)

from skerry.client.connection import all_tools
from skerry.errors import RemoteError

Mode = Literal["stateless", "stateful", "guardrails"]

TOOLS: Mapping[Mode, tuple[str, ...]] = {
    "stateless": (
        "whoami",
        "get_weather",
        "request_story",
        "submit_story",
        "request_character_profile",
        "submit_character_profile",
    ),
    "stateful": ("whoami", "get_weather", "generate_story_with_sampling", "create_character_profile"),
}
VALIDATE = "validate_content"
VERDICTS = ("allowed", "blocked", "anonymized")
HARMLESS = "The bucket logs holds forty objects."
CITY, TOPIC, CHARACTER = "Reykjavik", "a lighthouse that answers letters", "the keeper"
STORY = "The lamp wrote back each night, one turn for yes, two for no. Nobody asked it anything else."
MODEL = "canned-text"
NAMED = 6
"""Tools that an error lists by name."""
ANSWERS = {"traits": "patient, dry humour", "motivation": "to be asked a better question"}


@dataclass(slots=True)
class Walk:
    """What was learned on the way and is compared later."""

    client: Client
    answers: Answers
    mode: Mode | None = None
    content: str = HARMLESS
    sandbox: Mapping[str, Any] = field(default_factory=dict)

    async def tools(self) -> str:
        """Lists the tools and finds the mode. Raises RemoteError where some are missing."""
        names = [tool.name for tool in await all_tools(self.client)]
        self.mode = self.mode or _mode(names)
        missing = [name for name in TOOLS.get(self.mode, (VALIDATE,)) if name not in names]
        if missing:
            kind = "guardrails" if self.mode == "guardrails" else f"{self.mode} demo"
            raise RemoteError(
                f"the {kind} server has no {', '.join(missing)}.",
                hint="Check the target and --mode, and --allow and --deny of the proxy.",
            )
        return f"{len(names)} tool{'s' if len(names) != 1 else ''}, {self.mode}: {', '.join(names)}"

    async def whoami(self) -> str:
        """Learns which sandbox answers."""
        self.sandbox = await self._call("whoami")
        return _sandbox(self.sandbox)

    async def whoami_again(self) -> str:
        """Whether the same sandbox answers; a stateful server must be the same and have counted."""
        before, now = self.sandbox, await self._call("whoami")
        same = before.get("sandbox_id") == now.get("sandbox_id")
        if self.mode == "stateful":
            _expect(
                same,
                f"another sandbox answered ({_sandbox(now)})",
                hint="A stateful server needs one session: use --session-mode session, or see why it ended.",
            )
            counted = (now.get("calls") or 0) > (before.get("calls") or 0)
            _expect(
                counted, f"the calls were not counted (before {before.get('calls')}, now {now.get('calls')})"
            )
        return f"{'the same sandbox' if same else 'another sandbox'}: {_sandbox(now)}"

    async def get_weather(self) -> str:
        """Gets the weather of a city."""
        seen = await self._call("get_weather", city=CITY)
        _expect(seen.get("city") == CITY, f"it is the weather of {seen.get('city')!r}, not of {CITY!r}")
        return f"{CITY}: {seen.get('temperature')} °C, {seen.get('conditions')} ({seen.get('source')})"

    async def story(self) -> str:
        """Has a story written: by sampling, or by request and submission."""
        if self.mode == "stateful":
            seen = await self._call("generate_story_with_sampling", topic=TOPIC)
            _expect(self.answers.sampled == 1, f"sampling was asked {self.answers.sampled} times, not once")
            _expect(TOPIC in self.answers.prompt, "the sampling request does not name the topic")
            how = "sampling asked once"
        else:
            asked = await self._call("request_story", topic=TOPIC)
            _expect(TOPIC in str(asked.get("prompt")), "the request does not name the topic")
            seen = await self._call("submit_story", topic=TOPIC, story=STORY)
            how = "requested and submitted"
        _expect(seen.get("story") == STORY, "the story that came back is not the one that was written")
        return f"{how}, {seen.get('words')} words came back whole"

    async def profile(self) -> str:
        """Has a character described: by elicitation, or by request and submission."""
        if self.mode == "stateful":
            seen = await self._call("create_character_profile", character=CHARACTER)
            _expect(
                self.answers.elicited == 1, f"elicitation was asked {self.answers.elicited} times, not once"
            )
            how = "elicitation asked once"
        else:
            asked = await self._call("request_character_profile", character=CHARACTER)
            _expect(CHARACTER in str(asked.get("prompt")), "the request does not name the character")
            seen = await self._call("submit_character_profile", character=CHARACTER, **ANSWERS)
            how = "requested and submitted"
        wrong = [name for name, value in ANSWERS.items() if seen.get(name) != value]
        _expect(not wrong, f"what came back differs in {', '.join(wrong)}")
        return f"{how}, {' and '.join(ANSWERS)} came back whole"

    async def validate_input(self) -> str:
        """Has a text judged as a person's."""
        return await self._validate("INPUT")

    async def validate_output(self) -> str:
        """Has it judged as a model's."""
        return await self._validate("OUTPUT")

    async def _validate(self, source: str) -> str:
        seen = await self._call(VALIDATE, content=self.content, source=source)
        verdict, findings = seen.get("verdict"), seen.get("findings")
        _expect(verdict in VERDICTS, f"the verdict is {verdict!r}, not one of {', '.join(VERDICTS)}")
        _expect(seen.get("source") == source, f"it was judged as {seen.get('source')!r}, not as {source!r}")
        _expect(isinstance(findings, list), "there is no list of findings")
        units = sum((seen.get("usage") or {}).values())
        which = f"guardrail {seen.get('guardrail')} version {seen.get('version')}"
        return f"{source}: {verdict}, {_counted(findings)}, {units} text units ({which})"

    def steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        """The steps after `tools`, in order."""
        if self.mode == "guardrails":
            return [("validate", self.validate_input), ("validate out", self.validate_output)]
        return [
            ("whoami", self.whoami),
            ("get_weather", self.get_weather),
            ("story", self.story),
            ("profile", self.profile),
            ("whoami again", self.whoami_again),
        ]

    async def _call(self, tool: str, **arguments: Any) -> Mapping[str, Any]:
        return _content(tool, await self.client.call_tool(tool, arguments))


class Answers:
    """A client's model and person: fixed answers, and how often they were asked."""

    def __init__(self) -> None:
        self.sampled = self.elicited = 0
        self.prompt = ""

    async def sample(
        self,
        context: ClientRequestContext,  # noqa: ARG002  (the callback's signature)
        params: CreateMessageRequestParams,
    ) -> CreateMessageResult:
        """Answers a sampling request with the canned story."""
        self.sampled += 1
        blocks = [message.content for message in params.messages]
        self.prompt = " ".join(block.text for block in blocks if isinstance(block, TextContent))
        return CreateMessageResult(role="assistant", content=TextContent(text=STORY), model=MODEL)

    async def elicit(
        self,
        context: ClientRequestContext,  # noqa: ARG002  (the callback's signature)
        params: ElicitRequestParams,
    ) -> ElicitResult:
        """Fills the form it knows; anything else is declined."""
        self.elicited += 1
        if isinstance(params, ElicitRequestURLParams):
            return ElicitResult(action="decline")
        if set(params.requested_schema.get("properties", {})) != set(ANSWERS):
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=dict(ANSWERS))


def _mode(names: Sequence[str]) -> Mode:
    if "generate_story_with_sampling" in names:
        return "stateful"
    if "request_story" in names:
        return "stateless"
    if VALIDATE in names:
        return "guardrails"
    more = (f"and {len(names) - NAMED} more",) if len(names) > NAMED else ()
    listed = ", ".join([*names[:NAMED], *more]) or "none"
    raise RemoteError(
        f"this is no demo server and no guardrails server (tools: {listed}).",
        hint="Deploy skerry.servers.demo or skerry.servers.guardrails, or use skerry call for others.",
    )


def _counted(findings: object) -> str:
    found = len(findings) if isinstance(findings, list) else 0
    return "1 finding" if found == 1 else f"{found} findings"


def _content(tool: str, result: CallToolResult) -> Mapping[str, Any]:
    text = " ".join(block.text for block in result.content if isinstance(block, TextContent))
    if result.is_error:
        raise RemoteError(f"{tool} answered with an error: {text or '(without a text)'}")
    if not isinstance(result.structured_content, Mapping):
        raise RemoteError(f"{tool} answered without structured content.")
    return result.structured_content


def _sandbox(seen: Mapping[str, Any]) -> str:
    parts = [f"sandbox {seen.get('sandbox_id')}", f"pid {seen.get('pid')}"]
    if seen.get("session_id"):
        parts.append(f"session {seen['session_id']}")
    if seen.get("calls") is not None:
        parts.append(f"call {seen['calls']}")
    return ", ".join(parts)


def _expect(holds: bool, otherwise: str, *, hint: str = "") -> None:
    if not holds:
        raise RemoteError(f"{otherwise}.", hint=hint)
