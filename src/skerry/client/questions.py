"""Elicitation: a server asks the person at the terminal during a call.

Without a terminal every question is declined. `--yes` accepts what is a plain confirmation and nothing
that needs a person's own words. A link is shown as a whole, with its host, and opened after a yes only.
"""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import Callable, Mapping
from typing import Any

from mcp.client import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitRequestURLParams, ElicitResult

from skerry.wire.links import link
from skerry.wire.shown import clean

_PAGES = 8
Content = dict[str, str | int | float | bool | list[str] | None]
Ask = Callable[[str], str]
"""Reads one line for a text to ask with; an empty line at the end of input."""


class Questions:
    """Answers elicitation. `ask` is None where there is no terminal; `show` opens a link in a browser."""

    def __init__(
        self,
        ask: Ask | None,
        say: Callable[[str], None],
        *,
        yes: bool = False,
        show: Callable[[str], object] = webbrowser.open,
    ) -> None:
        self._ask = ask
        self._say = say
        self._yes = yes
        self._show = show

    async def __call__(
        self,
        context: ClientRequestContext,  # noqa: ARG002  (the callback's signature)
        params: ElicitRequestParams,
    ) -> ElicitResult:
        self._say(f"The server asks: {clean(params.message)}")
        if isinstance(params, ElicitRequestURLParams):
            opened = await asyncio.to_thread(self._opened, params.url)
            return ElicitResult(action="accept" if opened else "decline")
        fields = params.requested_schema.get("properties", {})
        plain = len(fields) <= 1 and all(_kind(field) == "boolean" for field in fields.values())
        if self._yes and plain:
            return ElicitResult(action="accept", content=dict.fromkeys(fields, True))
        if self._ask is None:
            self._say("Declined: there is no terminal to ask at.")
            return ElicitResult(action="decline")
        if plain:
            return self._confirm(list(fields))
        return self._form(fields, params.requested_schema.get("required", []))

    async def pages(self, data: object) -> bool:
        """The pages that the `data` of an error wants opened before the call (MCP 2025-11-25, -32042).

        Returns whether the person opened them all, so that the call may be made again.
        """
        listed = data.get("elicitations") if isinstance(data, Mapping) else None
        pages = [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
        for page in pages[:_PAGES]:
            self._say(f"The server asks: {clean(str(page.get('message', '')))}")
            if not await asyncio.to_thread(self._opened, str(page.get("url", ""))):
                return False
        return bool(pages)

    def _opened(self, url: str) -> bool:
        """Whether the person opened a link, and came back from it."""
        shown = link(url)
        for line in shown.lines():
            self._say(line)
        if shown.problem:
            return False
        if self._ask is None:
            self._say("Declined: there is no terminal to ask at.")
            return False
        if self._ask("Open it in a browser? [y/N] ").strip().lower() not in ("y", "yes"):
            return False
        self._show(url)
        self._ask("Press Enter when you are done there. ")
        return True

    def _confirm(self, fields: list[str]) -> ElicitResult:
        assert self._ask is not None
        if self._ask("[y/N] ").strip().lower() in ("y", "yes"):
            return ElicitResult(action="accept", content=dict.fromkeys(fields, True))
        return ElicitResult(action="decline")

    def _form(self, fields: Mapping[str, Any], required: list[str]) -> ElicitResult:
        assert self._ask is not None
        content: Content = {}
        for name, field in fields.items():
            line = self._ask(f"{clean(name)} ({_kind(field)}): ").strip()
            if not line and name in required:
                return ElicitResult(action="decline")
            if line:
                try:
                    content[name] = read(line, field)
                except ValueError as error:
                    self._say(f"Declined: {error}")
                    return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=content)


def read(line: str, field: Mapping[str, Any]) -> str | int | float | bool:
    """A typed line as the value of a form field. Raises ValueError when it is none."""
    kind = _kind(field)
    if kind == "boolean":
        if line.lower() in ("y", "yes", "true", "n", "no", "false"):
            return line.lower() in ("y", "yes", "true")
        raise ValueError(f"{line!r} is neither yes nor no.")
    if kind == "integer":
        return int(line)
    if kind == "number":
        return float(line)
    if "enum" in field and line not in field["enum"]:
        raise ValueError(f"{line!r} is not one of {', '.join(map(str, field['enum']))}.")
    return line


def _kind(field: object) -> str:
    return str(field.get("type", "string")) if isinstance(field, Mapping) else "string"
