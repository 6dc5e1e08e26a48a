"""Commands about tools: what there are, calling one, and whether one is asked before."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from skerry.chat.backend import Tool
from skerry.chat.known import Known
from skerry.chat.main import Chat
from skerry.errors import ConfigurationError
from skerry.wire.shown import exact
from skerry.wire.tool_names import SEPARATOR, own_name

_EXAMPLE = '/call TOOL {"name": "value"} or /call TOOL name=value'


def tools(chat: Chat, text: str) -> None:
    if text in ("show", "hide"):
        chat.face.shown.tools = text == "show"
        chat.face.note(f"tool calls {'shown' if chat.face.shown.tools else 'hidden'}")
        return
    found = chat.talk.backend.tools()
    if not text:
        rows = [(tool.name, "asks" if tool.asks else "", _first_sentence(tool.description)) for tool in found]
        chat.face.listing(("tool", "asks", "does"), rows)
        return
    tool = _tool(found, text)
    asks = "A call of it is confirmed first." if tool.asks else "It is called without a question."
    chat.face.note(f"{tool.name}\n{tool.description}\n{asks}\n{exact(tool.schema)}")


def call(chat: Chat, text: str) -> int:
    """Asks the agent for exactly this call; it is confirmed like any other."""
    name, _, rest = text.partition(" ")
    if not name:
        chat.face.note(_EXAMPLE)
        return 1
    if known := chat.known.tools():  # an agent that tells none may have it all the same
        name = _tool(known, name).name
    return chat.once(f"/call {name} {json.dumps(_arguments(chat, name, rest.strip()), ensure_ascii=False)}")


def hil(chat: Chat, text: str) -> None:
    """Whether confirmations are asked or always declined; that they are given is an option of the command."""
    if text in ("on", "off"):
        chat.asks = text == "on"
    elif text not in ("", "show"):
        chat.face.note("/hil on, /hil off or /hil show.")
        return
    if chat.decided is not None:
        said = "given" if chat.decided else "declined"
        chat.face.note(f"Confirmations are {said} beforehand, as this program was started.")
    elif chat.asks:
        chat.face.note("Confirmations are asked; only a yes is one.")
    else:
        chat.face.note("Confirmations are declined without a question; /hil on asks again.")


def tool_names_and_switches(known: Known, words: Sequence[str]) -> Iterable[tuple[str, str]]:
    if len(words) > 1:
        return []
    return [("show", "panels of tool calls"), ("hide", "panels of tool calls"), *_names(known)]


def tools_and_arguments(known: Known, words: Sequence[str]) -> Iterable[tuple[str, str]]:
    if len(words) == 1:
        return _names(known)
    tool = next((tool for tool in known.tools() if _means(tool, words[0])), None)
    return _left(tool, words[1:]) if tool is not None else []


def _names(known: Known) -> list[tuple[str, str]]:
    return [(tool.name, _first_sentence(tool.description)) for tool in known.tools()]


def _first_sentence(text: str) -> str:
    line = text.strip().partition("\n")[0]
    sentence, end, _ = line.partition(". ")
    return sentence + end.strip()


def _means(tool: Tool, name: str) -> bool:
    """Whether a name is the tool's, with or without the Gateway's target in front."""
    return name == tool.name or tool.name.endswith(f"{SEPARATOR}{name}")


def _tool(tools: Sequence[Tool], name: str) -> Tool:
    """The tool of a name. Raises ConfigurationError with the nearest names, or with those that it fits."""
    found = [tool for tool in tools if tool.name == name] or [tool for tool in tools if _means(tool, name)]
    if len(found) == 1:
        return found[0]
    if found:
        fitting = ", ".join(tool.name for tool in found)
        raise ConfigurationError(f"several tools are called {name!r}.", hint=f"Which one: {fitting}?")
    names = [tool.name for tool in tools]
    short = {own_name(tool): tool for tool in names}
    close = get_close_matches(name, names, n=1) or [short[one] for one in get_close_matches(name, short, n=1)]
    meant = f"Did you mean {close[0]}? " if close else ""
    raise ConfigurationError(f"the agent has no tool {name!r}.", hint=f"{meant}/tools lists them.")


def _arguments(chat: Chat, name: str, text: str) -> dict[str, Any]:
    """One JSON object, or `name=value` words with the types of the tool's schema."""
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"the arguments are no JSON object: {error}.", hint=_EXAMPLE) from error
        if not isinstance(found, dict):
            raise ConfigurationError("the arguments are no JSON object.", hint=_EXAMPLE)
        return found
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(f"the arguments cannot be read: {error}.", hint=_EXAMPLE) from error
    if not words:
        return {}
    tool = next((tool for tool in chat.known.tools() if tool.name == name), Tool(name))
    properties = tool.schema.get("properties")
    given = {}
    for word in words:
        key, mark, value = word.removeprefix("--").partition("=")
        if not key or not mark:
            raise ConfigurationError(f"{word!r} is no argument.", hint=_EXAMPLE)
        field = properties.get(key) if isinstance(properties, Mapping) else None
        given[key] = _typed(value, field if isinstance(field, Mapping) else {})
    return given


def _typed(value: str, field: Mapping[str, Any]) -> Any:
    """Text where the tool wants text, else JSON where it can be."""
    if field.get("type") == "string":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _left(tool: Tool, words: Sequence[str]) -> Iterable[tuple[str, str]]:
    """The arguments of a tool that are not there yet, and the values of one that has a few only."""
    properties = tool.schema.get("properties")
    fields: Mapping[str, object] = properties if isinstance(properties, Mapping) else {}
    last = words[-1] if words else ""
    name, mark, _ = last.partition("=")
    given = {word.partition("=")[0] for word in words[:-1]}
    if mark:
        field = fields.get(name)
        spec = field if isinstance(field, Mapping) else {}
        values = spec.get("enum") or (("true", "false") if spec.get("type") == "boolean" else ())
        for value in values if isinstance(values, list | tuple) else ():
            yield f"{name}={value}", ""
        return
    for name, field in fields.items():
        if name not in given:
            yield f"{name}=", str(field.get("description", "")) if isinstance(field, Mapping) else ""
