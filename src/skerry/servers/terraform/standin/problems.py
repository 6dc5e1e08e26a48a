"""Answers that are errors: JSON:API error objects with the titles of the API description."""

from __future__ import annotations

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/vnd.api+json"


class ProblemError(Exception):
    """An error answer. `pointer` names the member of the body that is wrong."""

    def __init__(self, status: int, title: str, detail: str = "", *, pointer: str = "") -> None:
        super().__init__(title)
        self.status, self.title, self.detail, self.pointer = status, title, detail, pointer

    def response(self) -> JSONResponse:
        """The answer as it is sent."""
        found: dict[str, object] = {"status": str(self.status), "title": self.title}
        if self.detail:
            found["detail"] = self.detail
        if self.pointer:
            found["source"] = {"pointer": self.pointer}
        return JSONResponse({"errors": [found]}, status_code=self.status, media_type=MEDIA_TYPE)


def not_found() -> ProblemError:
    """The same answer for what is not there as for what the token may not see."""
    return ProblemError(404, "not found")


def conflict(detail: str) -> ProblemError:
    """409: the state of a thing forbids the action."""
    return ProblemError(409, "conflict", detail)


def invalid(attribute: str, detail: str) -> ProblemError:
    """422: an attribute of the body is missing or wrong."""
    return ProblemError(422, "invalid attribute", detail, pointer=f"/data/attributes/{attribute}")
