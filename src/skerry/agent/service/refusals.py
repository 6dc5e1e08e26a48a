"""From errors to HTTP: one table, one shape, `{"error": {"code", "message", "hint"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from skerry.agent.errors import AgentError, Code, run_error
from skerry.agent.work import unexpected
from skerry.auth.challenge import Challenge, build
from skerry.errors import TokenError

STATUS: Mapping[Code, int] = {
    "VALIDATION_ERROR": 400,
    "UNAUTHORIZED": 401,
    "ACCESS_DENIED": 403,
    "NOT_FOUND": 404,
    "UNKNOWN_RUN": 404,
    "SESSION_BUSY": 409,
    "PENDING_INTERRUPTS": 409,
    "UNKNOWN_INTERRUPT_ID": 409,
    "CONFLICT": 409,
    "CANCELLED": 409,
    "TOO_LARGE": 413,
    "THROTTLED": 429,
    "AGENT_ERROR": 500,
    "CONFIGURATION_ERROR": 500,
    "GATEWAY_ERROR": 502,
    "MODEL_ERROR": 502,
    "STATE_ERROR": 503,
    "TIMEOUT": 504,
}
_PLAIN: Mapping[int, tuple[Code, str]] = {
    404: ("NOT_FOUND", "there is no such path."),
    405: ("VALIDATION_ERROR", "this path has no such method."),
}


class UnauthorizedError(AgentError):
    """Who asks is not known; `reason` is that of the TokenError, empty when no token was sent."""

    def __init__(self, problem: TokenError) -> None:
        super().__init__("UNAUTHORIZED", problem.message, hint=problem.hint)
        self.reason = "" if problem.reason == "missing" else problem.reason


def refusal(error: AgentError) -> JSONResponse:
    """The answer to an error."""
    headers = {}
    if isinstance(error, UnauthorizedError):
        shown = Challenge("invalid_token", error.message) if error.reason else Challenge()
        headers["WWW-Authenticate"] = build(shown)
    return JSONResponse(body(error), STATUS[error.kind], headers)


def body(error: AgentError) -> dict[str, Any]:
    return {"error": {"code": error.kind, "message": error.message, "hint": error.hint}}


def register(app: FastAPI) -> None:
    """Answers every error of an endpoint from the table."""

    @app.exception_handler(AgentError)
    async def _agent_error(_: Request, error: AgentError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
        return refusal(AgentError("VALIDATION_ERROR", f"{where[:200]}: {first['msg']}.", hint="See /docs."))

    @app.exception_handler(HTTPException)
    async def _plain(_: Request, error: HTTPException) -> JSONResponse:
        kind, text = _PLAIN.get(error.status_code, ("VALIDATION_ERROR", "the request cannot be served."))
        answer = JSONResponse(body(AgentError(kind, text, hint="See /docs.")), error.status_code)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def _other(_: Request, error: Exception) -> JSONResponse:
        return refusal(run_error(error) or unexpected(error))
