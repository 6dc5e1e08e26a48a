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
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from skerry.errors import StateError
from skerry.idp import metadata
from skerry.idp.attempts import Attempts
from skerry.idp.authorize.device import Activation
from skerry.idp.authorize.endpoint import ACTIVATE, AUTHORIZE, CONSENT, SIGN_IN, SIGN_OUT, People
from skerry.idp.authorize.served import Page, served
from skerry.idp.authorize.sign_in import Turns
from skerry.idp.authorize.sign_out import SignOut
from skerry.idp.client_authentication import ClientAuthentication
from skerry.idp.endpoints.cors import ANY, Endpoint, readable
from skerry.idp.endpoints.device_endpoint import DeviceEndpoint
from skerry.idp.endpoints.form_endpoint import NO_STORE, FormEndpoint, json_response
from skerry.idp.endpoints.hosts import here
from skerry.idp.endpoints.introspection import Introspection
from skerry.idp.endpoints.revocation import Revocation
from skerry.idp.endpoints.token_endpoint import TokenEndpoint
from skerry.idp.endpoints.userinfo import Userinfo
from skerry.idp.issuer import Issuer
from skerry.idp.keys import public_set
from skerry.idp.limits import SourceLimit
from skerry.idp.provider import Provider
from skerry.idp.realms import DEVICE_CODE
from skerry.idp.registration.endpoint import RegistrationEndpoint
from skerry.idp.registration.management import ClientConfiguration
from skerry.idp.spans import Spans

_log = logging.getLogger("skerry.idp")

KEYS_FRESH = "public, max-age=30"
"""Short, so that a rotation reaches verifiers that honour cache headers."""


def create_app(provider: Provider) -> Starlette:
    """The ASGI application that serves `provider`."""
    attempts, turns = Attempts(clock=provider.clock.monotonic), Turns()
    routes = [
        _private("/", _fixed(_index(provider)), ["GET"]),
        _private("/_skerry/health", _fixed({"status": "ok"}), ["GET"]),
    ]
    for issuer in provider.issuers.values():
        routes += _routes(issuer, attempts, turns)
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _http_error, StateError: _state_error, Exception: _server_error},
        middleware=[Middleware(Spans)],
    )
    app.router.redirect_slashes = False  # a redirect would send the client's secret a second time
    return app


def _routes(issuer: Issuer, attempts: Attempts, turns: Turns) -> list[Route]:
    document = _fixed_bytes(metadata.document(issuer))
    authentication = ClientAuthentication(issuer)
    token = TokenEndpoint(issuer, authentication=authentication)
    return [
        *(_public(place, document, ["GET"]) for place in metadata.places(issuer)),
        _public(issuer.paths.keys, _jwks(issuer), ["GET"]),
        _public(issuer.paths.token, _called(token), ["POST"]),
        _public(issuer.paths.userinfo, _called(Userinfo(issuer)), ["GET", "POST"]),
        *_registration(issuer),
        *_routes_for_clients(issuer, authentication),
        *_routes_for_people(issuer, attempts, turns),
    ]


def _routes_for_clients(issuer: Issuer, authentication: ClientAuthentication) -> list[Route]:
    paths = issuer.paths
    revocation = _called(Revocation(issuer, authentication=authentication))
    endpoints: dict[str, FormEndpoint] = {
        paths.introspect: Introspection(issuer, authentication=authentication),
        paths.device: DeviceEndpoint(issuer, authentication=authentication),
    }
    return [
        *([_public(paths.revoke, revocation, ["POST"])] if paths.revoke else []),
        *(_private(path, _called(item), ["POST"]) for path, item in endpoints.items() if path),
    ]


def _routes_for_people(issuer: Issuer, attempts: Attempts, turns: Turns) -> list[Route]:
    people = People(issuer, attempts, turns)
    out = SignOut(people)
    pages: list[tuple[str, str, Page, list[str]]] = [
        (AUTHORIZE, issuer.paths.authorize, people.authorize, ["GET", "POST"]),
        (SIGN_IN, issuer.paths.page(SIGN_IN), people.sign_in, ["POST"]),
        (CONSENT, issuer.paths.page(CONSENT), people.consent, ["POST"]),
        (SIGN_OUT, issuer.paths.page(SIGN_OUT), out.page, ["GET", "POST"]),
    ]
    if issuer.paths.login:
        pages.append((AUTHORIZE, issuer.paths.login, people.authorize, ["GET", "POST"]))
    ways_out = filter(None, (issuer.paths.logout, issuer.paths.other_logout))
    pages += [("logout", path, out.door, ["GET", "POST"]) for path in ways_out]
    if DEVICE_CODE in issuer.dialect.grants:
        activation = Activation(people, attempts)
        pages.append((ACTIVATE, issuer.paths.page(ACTIVATE), activation.page, ["GET", "POST"]))
    return [Route(path, served(issuer, name, page), methods=methods) for name, path, page, methods in pages]


def _registration(issuer: Issuer) -> list[Route]:
    if issuer.realm.registration == "off":
        return []
    register = RegistrationEndpoint(issuer, SourceLimit(clock=issuer.clock.monotonic))
    configuration = ClientConfiguration(issuer)
    path = issuer.paths.register
    return [
        _public(path, _called(register), ["POST"]),
        _public(path + "/{client_id}", _called(configuration), ["GET", "PUT", "DELETE"]),
    ]


def _public(path: str, endpoint: Endpoint, methods: list[str]) -> Route:
    """A route that programs in a browser may use from pages of any origin."""
    return _private(path, readable(endpoint, methods), [*methods, "OPTIONS"])


def _private(path: str, endpoint: Endpoint, methods: list[str]) -> Route:
    """A route for programs on this machine."""
    return Route(path, here(endpoint), methods=methods)


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
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers["Allow"] = ", ".join(sorted(headers.get("Allow", "").split(", ")))
        text = f"{HTTPStatus(status).phrase}. This address takes {allowed}."
    else:
        text = f"{HTTPStatus(status).phrase}. See / for the routes."
    if status == HTTPStatus.NOT_FOUND:  # clients in a browser look at several well-known places
        headers |= ANY
    return json_response(
        {"error": "invalid_request", "error_description": text},
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
