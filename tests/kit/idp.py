"""A real identity provider for tests, in a thread, with the realms of a small desk.

    chat ──desk-gateway──▶ gateway ──accounts──▶ accounts ──accounts-api──▶

Realm `desk` speaks plain OAuth; realm `pool` has the Cognito dialect. Use it as a fixture:

    @pytest.fixture(scope="module")
    def idp():
        with desk_idp() as running:
            yield running
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import KeySet

from skerry.idp import (
    CLIENT_CREDENTIALS,
    TOKEN_EXCHANGE,
    Client,
    Realm,
    RunningProvider,
    run_server_in_thread,
)
from skerry.idp.clock import Clock
from skerry.idp.provider import SYSTEM_CLOCK

SECRETS = {name: f"secret of {name} + / % :" for name in ("chat", "gateway", "accounts", "idle", "post-only")}
"""Awkward on purpose: such characters must survive Basic and the form."""


def _client(name: str, **members: Any) -> Client:
    return Client(id=name, secret=SECRETS[name], **members)


CHAT = _client(
    "chat",
    scopes=("desk/use", "desk/change"),
    audiences=("desk-gateway", "desk-runtime", "https://api.example.com/mcp"),
    claims={"tenant_id": "acme", "plan": {"name": "gold", "seats": 3}},
)
GATEWAY = _client(
    "gateway",
    grants=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE),
    audiences=("accounts",),
    own_audiences=("desk-gateway",),
    may_exchange=("accounts", "https://api.example.com/backend"),
    claims={"tenant_id": "the gateway's own"},
)
ACCOUNTS = _client(
    "accounts", grants=(TOKEN_EXCHANGE,), own_audiences=("accounts",), may_exchange=("accounts-api",)
)
IDLE = _client("idle")
POST_ONLY = _client("post-only", audiences=("desk-gateway",), token_endpoint_auth_method="client_secret_post")

DESK = Realm(name="desk", clients={item.id: item for item in (CHAT, GATEWAY, ACCOUNTS, IDLE, POST_ONLY)})
POOL = Realm(name="pool", dialect="cognito", clients={"chat": CHAT, "idle": IDLE})


def desk_idp(
    *realms: Realm, clock: Clock = SYSTEM_CLOCK, state: Path | None = None
) -> AbstractContextManager[RunningProvider]:
    """A running provider with `realms`, or with DESK and POOL."""
    return run_server_in_thread(realms or (DESK, POOL), clock=clock, state=state)


def with_client(realm: Realm, client: Client) -> Realm:
    """`realm` with one more client, or another one of that id."""
    return replace(realm, clients={**realm.clients, client.id: client})


class Desk:
    """Talks to a running provider over HTTP as the clients of the desk do."""

    def __init__(self, idp: RunningProvider, http: httpx2.Client) -> None:
        self.idp = idp
        self.http = http

    def post(
        self, client: str, *, realm: str = "desk", secret: str | None = None, **form: Any
    ) -> httpx2.Response:
        """A token request with the client's id and secret in the body; empty values are left out."""
        body = {"client_id": client, "client_secret": SECRETS[client] if secret is None else secret, **form}
        return self.http.post(self.idp.token_endpoint(realm), data={k: v for k, v in body.items() if v})

    def token(self, client: str = "chat", *, realm: str = "desk", **form: Any) -> str:
        """An access token by client credentials."""
        answer = self.post(client, realm=realm, **{"grant_type": CLIENT_CREDENTIALS, **form})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def exchange(self, client: str, subject_token: str, **form: Any) -> httpx2.Response:
        """A token exchange for `audience`, by default for the accounts server."""
        usual = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": "accounts",
        }
        return self.post(client, **{**usual, **form})

    def jwks(self, realm: str = "desk") -> dict[str, Any]:
        """The published key set, where the metadata says that it is."""
        place = self.http.get(self.idp.discovery_url(realm)).json()["jwks_uri"]
        found: dict[str, Any] = self.http.get(place).json()
        return found

    def decoded(self, token: str, realm: str = "desk") -> jwt.Token:
        """Header and claims of a token, its signature checked against the published keys."""
        return jwt.decode(token, KeySet.import_key_set(self.jwks(realm)), algorithms=["RS256", "ES256"])

    def claims(self, token: str, realm: str = "desk") -> dict[str, Any]:
        """The claims alone."""
        return self.decoded(token, realm).claims


@contextmanager
def desk(*realms: Realm, clock: Clock = SYSTEM_CLOCK, state: Path | None = None) -> Iterator[Desk]:
    """A running provider and an HTTP client for it."""
    with desk_idp(*realms, clock=clock, state=state) as idp, httpx2.Client(trust_env=False) as http:
        yield Desk(idp, http)
