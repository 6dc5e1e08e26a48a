"""Requests to CloudFormation on their way to moto: who acts comes along, and moto is made ready for them."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from skerry.local.aws.cloudformation.acting import HEADER, WORKING_HEADER, decoded
from skerry.local.aws.cloudformation.requests import Request, request

ENVIRON = "HTTP_" + HEADER.upper().replace("-", "_")

_SCOPE = re.compile(r"Credential=[^,\s]*/cloudformation/aws4_request", re.IGNORECASE)
_LARGEST = 4 << 20
_installing = threading.Lock()

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]


def serve(environ: Environ, start_response: Any, moto: Wsgi) -> Iterable[bytes]:
    """The answer to a request: moto's own, but for stacks with resources of AgentCore."""
    shown = environ.pop(ENVIRON, "")
    if _SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) is None:
        return moto(environ, start_response)
    from skerry.local.aws.cloudformation.installation import install  # late: moto's models take a second

    with _installing:
        install()
    found = Request(decoded(shown) if shown else None, _form(environ))

    def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        marks = [(WORKING_HEADER, name) for name in found.working]
        return start_response(status, [*headers, *marks], *more)

    token = request.set(found)
    try:
        return moto(environ, started)
    finally:
        request.reset(token)


def _form(environ: Environ) -> Mapping[str, str]:
    """The parameters of a request, whose body stays readable."""
    size = min(int(environ.get("CONTENT_LENGTH") or 0), _LARGEST)
    body = environ["wsgi.input"].read(size)
    environ["wsgi.input"] = io.BytesIO(body)
    query = environ.get("QUERY_STRING", "")
    return dict(parse_qsl(f"{query}&{body.decode('utf-8', 'replace')}"))
