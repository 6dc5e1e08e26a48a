"""The arguments of the tools: their types, as a model is shown them and as they are checked.

Names and ids become parts of paths, so they hold letters, digits, `_` and `-` only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

MAX_TEXT = 2000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

Item = TypeVar("Item")

Organization = Annotated[
    str,
    Field(
        description="Name of the organization; left out: the session's default, else the server's.",
        pattern=r"^[A-Za-z0-9_-]{0,64}$",
    ),
]
WorkspaceName = Annotated[str, Field(description="Name of the workspace.", pattern=r"^[A-Za-z0-9_-]{1,90}$")]
RunId = Annotated[str, Field(description="Id of the run, such as run-…", pattern=r"^run-[A-Za-z0-9]{1,64}$")]
StateVersionId = Annotated[
    str, Field(description="Id of the state version, such as sv-…", pattern=r"^sv-[A-Za-z0-9]{1,64}$")
]
VariableId = Annotated[
    str, Field(description="Id of the variable, such as var-…", pattern=r"^var-[A-Za-z0-9]{1,64}$")
]
ProjectId = Annotated[
    str,
    Field(description="Id of the project, such as prj-…", pattern=r"^(prj-[A-Za-z0-9]{1,64})?$"),
]
RegistryPart = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Version = Annotated[
    str, Field(description="Version such as 1.2.3; left out: the latest.", pattern=r"^[0-9A-Za-z.+-]{0,64}$")
]
Search = Annotated[str, Field(description="Part of the name.", max_length=90)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Key = Annotated[str, Field(description="Name of the variable.", pattern=r"^[A-Za-z0-9_-]{1,256}$")]
Value = Annotated[
    str, Field(description="Value; a sensitive one is never shown again by any tool.", max_length=65_536)
]
Addresses = Annotated[
    list[Annotated[str, Field(max_length=512)]], Field(description="Resource addresses.", max_length=100)
]
Limit = Annotated[int, Field(description="How many at most.", ge=1, le=100)]
Page = Annotated[int, Field(description="Which page, from 1.", ge=1, le=50)]
Tail = Annotated[int, Field(description="How many characters from the end.", ge=100, le=60_000)]
TerraformVersion = Annotated[
    str,
    Field(
        description="Terraform version or constraint, such as 1.9.8.",
        pattern=r"^[0-9A-Za-z.,<>=~! +-]{0,64}$",
    ),
]
Folder = Annotated[str, Field(description="Folder that Terraform runs in.", max_length=256)]
ExecutionMode = Literal["remote", "local"]
Category = Literal["terraform", "env"]


def page_of(items: Iterable[Item], page: int, limit: int) -> tuple[list[Item], bool]:
    """One page of an iterator, and whether there is more. Reads no further than it must."""
    found = list(islice(items, (page - 1) * limit, page * limit + 1))
    return found[:limit], len(found) > limit


def one_line(text: str) -> str:
    """A text that may hold what Terraform sent, so that no part of it can look like another line."""
    return _CONTROL.sub(" ", text).strip()


def clip(text: str | None, length: int = MAX_TEXT) -> str:
    """A text of Terraform, not longer than it should be in an answer."""
    text = text or ""
    return text if len(text) <= length else text[:length] + "… (cut)"


def fields(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an answer: those that say something, as JSON."""
    return {name: plain(value) for name, value in pairs if value is not None and value != ""}


def plain(value: Any) -> Any:
    """A value of pytfe as JSON: enumerations by value, times as text."""
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    return getattr(value, "value", value) if not isinstance(value, dict | list) else value
