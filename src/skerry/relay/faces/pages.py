"""Pages that a legacy server wants opened before it runs a call.

Source: MCP 2025-11-25, elicitation in URL mode (error -32042); MCP 2026-07-28, `input_required`. The call did
not run: the retry is sent afresh, as soon as the server says that the page is done, or after a while.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_STATE = "page-"
_KEPT = 64
_PAGES = 16


@dataclass(slots=True)
class _Open:
    missing: set[str]
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Pages:
    """The calls that wait for a page, by their digests. The state that the client keeps is that digest."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._open: OrderedDict[str, _Open] = OrderedDict()

    def wanted(self, digest: str, data: object) -> dict[str, Any] | None:
        """The `input_required` for the data of a -32042; None when it names no page."""
        listed = data.get("elicitations") if isinstance(data, dict) else None
        questions: dict[str, Any] = {}
        missing: set[str] = set()
        for item in listed[:_PAGES] if isinstance(listed, list) else ():
            url, message = (item.get("url"), item.get("message")) if isinstance(item, dict) else (None, None)
            if not isinstance(url, str):
                continue
            text = message if isinstance(message, str) else "The server needs this page to be opened."
            params = {"mode": "url", "message": text, "url": url}
            questions[f"page{len(questions) + 1}"] = {"method": "elicitation/create", "params": params}
            if isinstance(item.get("elicitationId"), str):
                missing.add(item["elicitationId"])
        if not questions:
            return None
        self._open[digest] = _Open(missing)
        while len(self._open) > _KEPT:
            self._open.popitem(last=False)
        return {"resultType": "input_required", "inputRequests": questions, "requestState": _STATE + digest}

    @staticmethod
    def is_state(state: str) -> bool:
        """Whether a `requestState` is of a call that waits for a page."""
        return state.startswith(_STATE)

    @staticmethod
    def matches(state: str, digest: str) -> bool:
        """Whether it is that of the call with this digest."""
        return state == _STATE + digest

    @staticmethod
    def agreed(answers: Mapping[str, Any]) -> bool:
        """Whether the person did not refuse to open a page."""
        return not any(
            isinstance(answer, dict) and answer.get("action") in ("decline", "cancel")
            for answer in answers.values()
        )

    def complete(self, identifier: object) -> None:
        """The server says that this page is done."""
        for opened in self._open.values():
            if isinstance(identifier, str):
                opened.missing.discard(identifier)
            if not opened.missing:
                opened.done.set()

    async def waited(self, digest: str) -> None:
        """Waits until the pages of this call are done, a while at most."""
        opened = self._open.get(digest)
        if opened is None:
            return
        try:
            async with asyncio.timeout(self._seconds):
                await opened.done.wait()
        except TimeoutError:
            return
        finally:
            self._open.pop(digest, None)
