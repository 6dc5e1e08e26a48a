"""Questions to a person and their answers: pure data.

A pause belongs to one session and one caller, names a tool and its exact arguments, ends after a time
and is answered once. Whatever is not a clear yes is a no.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skerry.agent.errors import AgentError

MAX_ANSWERS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """A tool call that waits for a person.

    `id` is what the client answers to: random, so that it cannot be guessed or used again. `call` is
    Strands' own id of the interrupt; it is empty when the server of the tool asked, for then the call itself
    stays open in the process that makes it. `schema` is the form that such a server wants filled in, `url`
    the page that it wants opened.
    `expires` is seconds since the epoch.
    """

    id: str
    call: str = ""
    tool_call_id: str
    tool: str
    arguments: Mapping[str, Any]
    expires: float
    message: str = ""
    schema: Mapping[str, Any] | None = None
    url: str = ""

    @property
    def digest(self) -> str:
        return digest(self.tool, self.arguments)

    def interrupt(self) -> dict[str, Any]:
        """The pause as an AG-UI interrupt."""
        common = {"id": self.id, "toolCallId": self.tool_call_id, "toolName": self.tool}
        if self.url:
            return {
                **common,
                "reason": "elicitation",
                "mode": "url",
                "url": self.url,
                "message": self.message,
                "expires": int(self.expires),
            }
        if self.schema is not None:
            return {
                **common,
                "reason": "elicitation",
                "message": self.message,
                "responseSchema": dict(self.schema),
                "expires": int(self.expires),
            }
        return {
            **common,
            "reason": "approval_required",
            "arguments": dict(self.arguments),
            "digest": self.digest,
            "expires": int(self.expires),
            "message": self.message or f"Run {self.tool} with exactly these arguments?",
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer to a pause.

    `content` holds the fields of a form; `closed` says that the question was put aside unanswered.
    """

    interrupt_id: str
    approved: bool
    content: Mapping[str, Any] | None = None
    closed: bool = False


def digest(tool: str, arguments: Mapping[str, Any]) -> str:
    """A hash of a call: equal for equal tool and arguments, whatever the order of their members."""
    text = json.dumps([tool, arguments], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def answers(resume: object) -> list[Answer]:
    """The answers in the payload member `resume`; an empty list asks what is pending.

    An answer approves only with status `resolved` and the payload `{"approved": true}`. Raises
    AgentError VALIDATION_ERROR when the member has another shape.
    """
    if not isinstance(resume, list) or len(resume) > MAX_ANSWERS:
        raise _invalid(f"resume must be a list of at most {MAX_ANSWERS} answers")
    return [_answer(item) for item in resume]


def _answer(item: object) -> Answer:
    if not isinstance(item, Mapping):
        raise _invalid("an answer in resume must be an object")
    identifier, status, payload = item.get("interruptId"), item.get("status"), item.get("payload")
    if not isinstance(identifier, str) or status not in ("resolved", "cancelled"):
        raise _invalid('an answer in resume needs interruptId and status ("resolved" or "cancelled")')
    agreed = isinstance(payload, Mapping) and payload.get("approved") is True
    content = payload.get("content") if isinstance(payload, Mapping) else None
    if content is not None and not isinstance(content, Mapping):
        raise _invalid("the content of an answer must be an object")
    resolved = status == "resolved"
    return Answer(identifier, approved=resolved and agreed, content=content, closed=not resolved)


def _invalid(text: str) -> AgentError:
    return AgentError(
        "VALIDATION_ERROR",
        f"{text}.",
        hint='Send {"resume": [{"interruptId": "…", "status": "resolved", "payload": {"approved": true}}]}.',
    )
