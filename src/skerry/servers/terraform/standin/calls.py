"""One authenticated call of the stand-in: who makes it, what it says, and how it is answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from skerry.servers.terraform.standin.estate import Estate
from skerry.servers.terraform.standin.problems import MEDIA_TYPE, ProblemError, invalid
from skerry.servers.terraform.standin.query import Query
from skerry.servers.terraform.standin.runs import Runs

MAX_BODY = 1_048_576

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Call:
    """A call by `user`."""

    request: Request
    user: str
    estate: Estate
    runs: Runs

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def url(self, path: str) -> str:
        """An absolute URL of this stand-in, as the caller reached it."""
        base = self.request.base_url
        return f"{base.scheme}://{base.netloc}{path}"

    def query(self, *known: str) -> Query:
        """The query string; `known` are the filters and searches that the list can do."""
        return Query.of(self.request.query_params.multi_items(), known)

    def listed(
        self, query: Query, items: Sequence[Item], document: Callable[[Item], Mapping[str, Any]]
    ) -> Response:
        """A page of a list."""
        page = query.page(items)
        return answer(
            {
                "data": [document(item) for item in page.items],
                "links": page.links(self.url(self.request.url.path)),
                "meta": page.meta(),
            }
        )

    async def body(self) -> dict[str, Any]:
        """The JSON body; an empty one is an empty object. Raises ProblemError."""
        found = bytearray()
        async for chunk in self.request.stream():
            found += chunk
            if len(found) > MAX_BODY:
                raise ProblemError(413, "payload too large", f"A body has at most {MAX_BODY} bytes.")
        if not found:
            return {}
        if self.request.headers.get("content-type", "").split(";")[0].strip() != MEDIA_TYPE:
            raise ProblemError(415, "unsupported media type", f"The Content-Type is {MEDIA_TYPE}.")
        try:
            data = json.loads(bytes(found))
        except (ValueError, RecursionError) as error:
            raise ProblemError(400, "bad request", "The body is not JSON.") from error
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise ProblemError(400, "bad request", "The body is not a JSON object.")
        return data

    async def resource(self, kind: str) -> Attributes:
        """The resource object in the body. Raises ProblemError (422) when it is none of `kind`."""
        data = (await self.body()).get("data")
        if not isinstance(data, dict) or data.get("type") != kind:
            raise ProblemError(422, "invalid attribute", f'data.type must be "{kind}"', pointer="/data/type")
        attributes, related = data.get("attributes", {}), data.get("relationships", {})
        if not isinstance(attributes, dict) or not isinstance(related, dict):
            raise ProblemError(422, "invalid attribute", "data.attributes must be an object", pointer="/data")
        return Attributes(attributes, related)


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Attributes:
    """The members of a resource object in a body. Every reader raises ProblemError (422)."""

    values: Mapping[str, Any]
    related: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """Whether an attribute is there and not null."""
        return self.values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        return str(self._typed(name, str, default, "a string"))

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        return bool(self._typed(name, bool, default, "a boolean"))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        found = self._typed(name, list, [], "a list of strings")
        if not all(isinstance(item, str) for item in found):
            raise invalid(name, "must be a list of strings")
        return tuple(found)

    def relation(self, name: str) -> str:
        """The id of a related thing, or an empty string."""
        found = self.related.get(name)
        data = found.get("data") if isinstance(found, dict) else None
        identifier = data.get("id") if isinstance(data, dict) else None
        return identifier if isinstance(identifier, str) else ""

    def _typed(self, name: str, kind: type, default: Any, what: str) -> Any:
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, kind):
            raise invalid(name, f"must be {what}")
        return value


def answer(document: object, status: int = 200) -> Response:
    """A JSON:API document."""
    return JSONResponse(document, status_code=status, media_type=MEDIA_TYPE)


def data(document: Mapping[str, Any], status: int = 200) -> Response:
    """A document with one resource object."""
    return answer({"data": document}, status)
