"""One request of a browser: an answer whatever happens, and a line for the recorder without secrets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from skerry.idp import form
from skerry.idp.authorize import forms
from skerry.idp.authorize.request import SentBackError
from skerry.idp.endpoints.form_endpoint import Trace, read_body, record
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import OAuthError
from skerry.web_page import moved

Page = Callable[[Request, Trace], Awaitable[Response]]


def served(issuer: Issuer, operation: str, page: Page) -> Callable[[Request], Awaitable[Response]]:
    """What Starlette calls for a page: `page`, with its refusals as a redirect or a page of their own."""

    async def serve(request: Request) -> Response:
        clock = issuer.clock
        started, ticks = clock.time(), clock.monotonic()
        trace = Trace(operation, detail={"issuer": issuer.url})
        try:
            _refuse_other_hosts(request, issuer)
            response = await page(request, trace)
        except SentBackError as refused:
            trace.detail |= {"client": refused.client_id, "error": refused.error.error}
            response = (
                moved(refused.url) if refused.by_itself else forms.way_back(refused.message, refused.url)
            )
        except OAuthError as error:
            trace.detail["error"] = error.error
            response = forms.message(
                "This link does not work",
                error.message,
                status=error.status,
                hint="Nothing was sent to anybody. Go back to the app that brought you here and try again.",
            )
        duration = (clock.monotonic() - ticks) * 1000
        record(trace, status=response.status_code, started=started, duration_ms=duration)
        return response

    return serve


def _refuse_other_hosts(request: Request, issuer: Issuer) -> None:
    """A page under a stranger's name would be that stranger's to read: DNS rebinding. Raises OAuthError."""
    if request.headers.get("host", "") != urlsplit(issuer.url).netloc:
        raise OAuthError("invalid_request", f"This page is at {issuer.url} only. Open it there.", status=421)


async def sent(request: Request) -> Form:
    """The form that a page sent back. Raises OAuthError."""
    return form.parse(request.headers.get("content-type", ""), await read_body(request))
