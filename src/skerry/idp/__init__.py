"""The identity provider: OAuth issuers on 127.0.0.1 with real keys, grants and checks.

    realms.py         Realm, Client: what there is           configuration.py   read and check them
         │
    provider.py       every realm as an Issuer               keys.py            made once, rotated
         │
    app.py            routes ─┬─ metadata.py                 discovery, at three places
         │                    ├─ JWKS                        public members only
         │                    └─ endpoint.py                 the token endpoint
         │                         │  form.py                what was sent
         │                         │  clients.py             who sent it   (attempts.py: how often)
         │                         │  grants/                by which right; asked.py narrows
         │                         │  issuer.py              signs, and knows its own tokens
         │                         └─ dialects/              what the claims look like
    server.py         a process (`python -m skerry.idp`), or a thread for tests

One grant is one file in `grants/`, one dialect one file in `dialects/`.
"""

from __future__ import annotations

from skerry.idp.configuration import load, parse
from skerry.idp.realms import CLIENT_CREDENTIALS, TOKEN_EXCHANGE, Client, Realm
from skerry.idp.server import RunningProvider, run_server_in_thread

__all__ = [
    "CLIENT_CREDENTIALS",
    "TOKEN_EXCHANGE",
    "Client",
    "Realm",
    "RunningProvider",
    "load",
    "parse",
    "run_server_in_thread",
]
