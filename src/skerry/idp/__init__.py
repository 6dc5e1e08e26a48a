"""The identity provider: OAuth issuers on 127.0.0.1 with real keys, grants and checks.

    realms.py         Realm, Client, User: what is declared  configuration.py   read them
         │                                                   checks.py          what cannot work
         │                                                   defaults.py        what a dialect adds
    provider.py       every realm as an Issuer               keys.py            made once, rotated
         │                                                   records.py         what is remembered
    app.py            routes ─┬─ metadata.py                 directory.py       whom a realm knows
         │                    ├─ JWKS                        public members only
         │                    ├─ registration/               clients make themselves known
         │                    └─ form_endpoint.py            a form, its client, JSON (traced.py: its line)
         │                         │  form.py                   what was sent
         │                         │  client_authentication.py  who sent it   (attempts.py: how often)
         │                         │    client_assertions.py, client_keys.py   clients that sign
         │                         ├─ revocation.py, introspection.py, device_endpoint.py
         │                         └─ token_endpoint.py      the token endpoint
         │                              │  grants/           by which right; asked.py narrows
         │                              │  issuer.py         signs, and knows its own tokens
         │                              │  triggers/         what a Lambda function changes in them (Cognito)
         │                              └─ dialects/         what the claims look like, where endpoints are
         │
         ├─ authorize/                                       pages for people: sign-in, consent, codes
         │     └─ granted.py                                 what a person let a client do, and all that
         │          codes.py, refresh_tokens.py,             hangs on it; issued.py: what was revoked
         │          device_codes.py
         └─ userinfo.py, profile.py                          what is told of a person
    server.py         a process (`python -m skerry.idp`), or a thread for tests

Clients that nobody declared: `client_documents.py` finds those described at their id, `registration/` takes
those that register, `client_metadata.py` and `redirect_uris.py` are the rules for both. `id_jag.py` is about
identity assertions.

One grant is one file in `grants/`, one dialect one file in `dialects/`. `visitor.py` is a person
without a browser, for tests.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from skerry.idp.realms import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    TOKEN_EXCHANGE,
    Client,
    Realm,
    TrustedIssuer,
    User,
)

if TYPE_CHECKING:
    from skerry.idp.realm.configuration import load, parse
    from skerry.idp.server import RunningProvider, run_server_in_thread

__all__ = [
    "AUTHORIZATION_CODE",
    "CLIENT_CREDENTIALS",
    "TOKEN_EXCHANGE",
    "Client",
    "Realm",
    "RunningProvider",
    "TrustedIssuer",
    "User",
    "load",
    "parse",
    "run_server_in_thread",
]

_LATE = {
    "load": "realm.configuration",
    "parse": "realm.configuration",
    "RunningProvider": "server",
    "run_server_in_thread": "server",
}
"""Names by their module, imported at their first use: a configuration is read without a web server."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
