"""The routes of the provider, as a Starlette application.

    GET  /                                            issuers and their endpoints
    GET  /_skerry/health
    GET  the well-known places of each issuer         metadata.py
    GET  ISSUER/.well-known/jwks.json                 public keys
    POST ISSUER/oauth2/token                          token_endpoint.py
    POST ISSUER/oauth2/register                       registration/, where the realm allows it
    POST ISSUER/oauth2/revoke, introspect, device     revocation.py, introspection.py, device_endpoint.py
    GET  ISSUER/oauth2/userInfo                       userinfo.py
    GET  ISSUER/oauth2/authorize                      authorize/: HTML for people, and the pages beside it

Everything else answers JSON, errors included.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from skerry.errors import StateError
from skerry.idp import metadata
from skerry.idp.attempts import Attempts
from skerry.idp.authorize.device import Activation
from skerry.idp.authorize.endpoint import ACTIVATE, AUTHORIZE, CONSENT, SIGN_IN, SIGN_OUT, People
from skerry.idp.authorize.served import served
from skerry.idp.client_authentication import ClientAuthentication
from skerry.idp.device_endpoint import DeviceEndpoint
from skerry.idp.form_endpoint import NO_STORE, FormEndpoint, json_response
from skerry.idp.introspection import Introspection
from skerry.idp.issuer import Issuer
from skerry.idp.keys import public_set
from skerry.idp.provider import Provider
from skerry.idp.realms import DEVICE_CODE
from skerry.idp.registration.endpoint import RegistrationEndpoint
from skerry.idp.registration.limits import SourceLimit
from skerry.idp.registration.management import ClientConfiguration
from skerry.idp.revocation import Revocation
from skerry.idp.token_endpoint import TokenEndpoint
from skerry.idp.userinfo import Userinfo
from skerry.web_page import moved

_log = logging.getLogger("skerry.idp")

Endpoint = Callable[[Request], Awaitable[Response]]

KEYS_FRESH = "public, max-age=30"
"""Short, so that a rotation reaches verifiers that honour cache headers."""


def create_app(provider: Provider) -> Starlette:
    """The ASGI application that serves `provider`."""
    attempts = Attempts(clock=provider.clock.monotonic)
    routes = [
        Route("/", _fixed(_index(provider)), methods=["GET"]),
        Route("/_skerry/health", _fixed({"status": "ok"}), methods=["GET"]),
    ]
    for issuer in provider.issuers.values():
        routes += _routes(issuer, attempts)
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _http_error, StateError: _state_error, Exception: _server_error},
    )
    app.router.redirect_slashes = False  # a redirect would send the client's secret a second time
    return app


def _routes(issuer: Issuer, attempts: Attempts) -> list[Route]:
    document = _fixed_bytes(metadata.document(issuer))
    authentication = ClientAuthentication(issuer, attempts)
    token = TokenEndpoint(issuer, authentication=authentication)
    return [
        *(Route(place, document, methods=["GET"]) for place in metadata.places(issuer)),
        Route(issuer.paths.keys, _jwks(issuer), methods=["GET"]),
        Route(issuer.paths.token, _called(token), methods=["POST"]),
        *_registration(issuer),
        *_routes_for_clients(issuer, authentication),
        *_routes_for_people(issuer, attempts),
    ]


def _routes_for_clients(issuer: Issuer, authentication: ClientAuthentication) -> list[Route]:
    paths = issuer.paths
    endpoints: dict[str, FormEndpoint] = {
        paths.revoke: Revocation(issuer, authentication=authentication),
        paths.introspect: Introspection(issuer, authentication=authentication),
        paths.device: DeviceEndpoint(issuer, authentication=authentication),
    }
    return [Route(path, _called(item), methods=["POST"]) for path, item in endpoints.items() if path]


def _routes_for_people(issuer: Issuer, attempts: Attempts) -> list[Route]:
    people = People(issuer, attempts)
    pages = [
        (AUTHORIZE, issuer.paths.authorize, people.authorize, ["GET", "POST"]),
        (SIGN_IN, issuer.paths.page(SIGN_IN), people.sign_in, ["POST"]),
        (CONSENT, issuer.paths.page(CONSENT), people.consent, ["POST"]),
        (SIGN_OUT, issuer.paths.page(SIGN_OUT), people.sign_out, ["GET", "POST"]),
    ]
    if issuer.paths.login:
        pages.append((AUTHORIZE, issuer.paths.login, people.authorize, ["GET", "POST"]))
    if DEVICE_CODE in issuer.dialect.grants:
        activation = Activation(people, attempts)
        pages.append((ACTIVATE, issuer.paths.page(ACTIVATE), activation.page, ["GET", "POST"]))
    return [
        Route(issuer.paths.userinfo, _called(Userinfo(issuer)), methods=["GET", "POST"]),
        *(Route(path, served(issuer, name, page), methods=methods) for name, path, page, methods in pages),
        *([Route(issuer.paths.logout, _sign_out(issuer), methods=["GET"])] if issuer.paths.logout else []),
    ]


def _registration(issuer: Issuer) -> list[Route]:
    if issuer.realm.registration == "off":
        return []
    register = RegistrationEndpoint(issuer, SourceLimit(clock=issuer.clock.monotonic))
    configuration = ClientConfiguration(issuer)
    path = issuer.paths.register
    return [
        Route(path, _called(register), methods=["POST"]),
        Route(path + "/{client_id}", _called(configuration), methods=["GET", "PUT", "DELETE"]),
    ]


def _sign_out(issuer: Issuer) -> Endpoint:
    """The provider's own way out leads to the page that asks; nobody is sent to another place from here."""

    async def serve(_request: Request) -> Response:
        return moved(issuer.paths.page(SIGN_OUT))

    return serve


def _index(provider: Provider) -> dict[str, object]:
    return {
        "issuers": {
            name: {
                "issuer": issuer.url,
                "dialect": issuer.dialect.name,
                "token_endpoint": issuer.at(issuer.paths.token),
                "jwks_uri": issuer.at(issuer.paths.keys),
                "discovery": [issuer.at(place) for place in metadata.places(issuer)],
            }
            for name, issuer in provider.issuers.items()
        }
    }


def _fixed(content: object) -> Endpoint:
    return _fixed_bytes(bytes(json_response(content).body))


def _fixed_bytes(body: bytes) -> Endpoint:
    async def serve(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    return serve


def _jwks(issuer: Issuer) -> Endpoint:
    async def serve(_request: Request) -> Response:
        await issuer.ready()
        return json_response(public_set(issuer.keys.published()), headers={"cache-control": KEYS_FRESH})

    return serve


def _called(endpoint: Endpoint) -> Endpoint:
    """A function, because Starlette takes an object for an application of its own."""

    async def serve(request: Request) -> Response:
        return await endpoint(request)

    return serve


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return json_response(
        {
            "error": "invalid_request",
            "error_description": f"{HTTPStatus(status).phrase}. See / for the routes.",
        },
        status=status,
        headers={**headers, **NO_STORE},
    )


async def _state_error(_request: Request, error: Exception) -> Response:
    """The keys cannot be kept: whoever runs the provider must act, the caller cannot."""
    _log.error("skerry idp: %s", error)
    return json_response({"error": "server_error"}, status=500, headers=NO_STORE)


async def _server_error(_request: Request, _error: Exception) -> Response:
    """A defect of ours; the process logs it, the caller learns nothing of it."""
    return json_response({"error": "server_error"}, status=500, headers=NO_STORE)
