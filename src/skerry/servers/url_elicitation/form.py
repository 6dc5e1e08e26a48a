"""What a page asks for, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from skerry.servers.url_elicitation.person import Person

Submit = Callable[[Person, Mapping[str, str]], Awaitable[str]]
"""Takes what a person sent. Returns a sentence for them when it does not do, which leaves the page open."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_OURS = frozenset({"csrf", "decision"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One line to fill in; a `secret` one shows dots, and no browser is to remember it."""

    name: str
    label: str
    hint: str = ""
    secret: bool = False
    longest: int = 512

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None or self.name in _OURS:
            raise ValueError(f"a field cannot be called {self.name!r}: lower-case letters, digits and _")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The page: a `title`, why in `text`, and `fields`; without fields it asks for a yes or no.

    `message` is what the client shows beside the link; it must not hold what only the person may know.
    `submit` keeps what was sent, and never gives it to the tool's result. `done` is said at the end. `holds`
    says whether a person did this before and it is still good, such as a key that is kept: then nobody is
    asked. Without it every call needs a page of its own, such as a payment.
    """

    title: str
    text: str
    submit: Submit = field(repr=False)
    holds: Callable[[Person], bool] | None = field(default=None, repr=False)
    message: str = ""
    fields: Sequence[Field] = ()
    button: str = "Send"
    done: str = "Done. You can close this page and go back."

    def read(self, sent: Mapping[str, str]) -> tuple[dict[str, str], str]:
        """The values of the fields, and a sentence when one is missing or too long."""
        values = {item.name: sent.get(item.name, "").strip() for item in self.fields}
        for item in self.fields:
            if not values[item.name]:
                return {}, f"{item.label} is missing."
            if len(values[item.name]) > item.longest:
                return {}, f"{item.label} has more than {item.longest} characters."
        return values, ""
