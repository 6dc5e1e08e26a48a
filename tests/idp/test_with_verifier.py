"""Tokens of this provider as skerry's own verifier sees them, keys found by discovery over HTTP."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx2
import pytest

from skerry.auth.http.transport import Transport
from skerry.auth.jwt import dialects
from skerry.auth.jwt.authorizer import JwtAuthorizer
from skerry.auth.jwt.keys import Keys
from skerry.auth.jwt.tokens import verify
from skerry.auth.oauth import Client, OAuthError, TokenSource
from skerry.errors import TokenError
from skerry.idp import Realm
from tests.kit.clock import FakeClock
from tests.kit.idp import CHAT, DESK, POOL, SECRETS, Desk, desk


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield Transport(http)


class Verifier:
    """The keys of a realm found over HTTP, and the rules of a resource server."""

    def __init__(
        self, running: Desk, realm: str, transport: Transport, clock: FakeClock, **pinned: str
    ) -> None:
        issuer = running.idp.issuers[realm]
        keys = Keys.of_issuer(issuer, fetch=transport.fetch, clock=clock, **pinned)
        self._rules = {"keys": keys, "issuer": issuer, "dialect": dialects.DIALECTS[DIALECTS[realm]]}
        self._clock = clock

    async def claims(self, token: str, audience: str, clients: Sequence[str] = ()) -> Mapping[str, Any]:
        return await verify(
            token, **self._rules, now=self._clock.time(), audience=audience, clients=clients, leeway=0.0
        )

    async def reason(self, token: str, audience: str, clients: Sequence[str] = ()) -> str:
        """Why the token is refused."""
        with pytest.raises(TokenError) as caught:
            await self.claims(token, audience, clients)
        return caught.value.reason


DIALECTS = {"desk": "oauth", "pool": "cognito"}


async def test_a_plain_token_holds_until_its_last_second(transport):
    clock = FakeClock()
    with desk(DESK, clock=clock) as running:
        verifier, token = Verifier(running, "desk", transport, clock), running.token("chat")
        clock.advance(3599)
        assert (await verifier.claims(token, "desk-gateway"))["tenant_id"] == "acme"
        assert await verifier.reason(token, "accounts") == "audience"
        clock.advance(1)
        assert await verifier.reason(token, "desk-gateway") == "expired"


@pytest.mark.behaviour("IDP-TX-CLAIMS")
async def test_an_exchanged_token_holds_for_the_backend_alone(transport):
    clock = FakeClock()
    with desk(DESK, clock=clock) as running:
        verifier = Verifier(running, "desk", transport, clock)
        token = running.exchange("gateway", running.token("chat")).json()["access_token"]
        assert (await verifier.claims(token, "accounts"))["act"] == {"sub": "gateway"}
        assert await verifier.reason(token, "desk-gateway") == "audience"


@pytest.mark.behaviour("IDP-COGNITO-ACCESS")
@pytest.mark.behaviour("IDP-COGNITO-ID")
async def test_a_cognito_access_token_holds_by_its_client_and_an_id_token_never(transport):
    clock = FakeClock()
    with desk(POOL, clock=clock) as running:
        verifier, token = Verifier(running, "pool", transport, clock), running.token("chat", realm="pool")
        assert (await verifier.claims(token, "any", ["chat"]))["client_id"] == "chat"
        assert await verifier.reason(token, "any", ["other"]) == "client"
        assert await verifier.reason(running.idp.id_token("pool", "chat"), "chat", ["chat"]) == "kind"


@pytest.mark.behaviour("IDP-KEYS-ROTATION")
async def test_a_verifier_follows_a_rotation(transport):
    clock = FakeClock()
    with desk(DESK, clock=clock) as running:
        verifier, old = Verifier(running, "desk", transport, clock), running.token("chat")
        assert await verifier.claims(old, "desk-gateway")
        running.idp.rotate_keys("desk")
        assert await verifier.claims(running.token("chat"), "desk-gateway")
        assert await verifier.claims(old, "desk-gateway")


async def test_es256_realms_are_verified_too(transport):
    clock = FakeClock()
    with desk(Realm(name="desk", algorithm="ES256", clients={"chat": CHAT}), clock=clock) as running:
        token = running.token("chat")
        assert await Verifier(running, "desk", transport, clock, algorithm="ES256").claims(
            token, "desk-gateway"
        )
        assert await Verifier(running, "desk", transport, clock).reason(token, "desk-gateway") == "algorithm"


async def test_skerrys_own_client_gets_and_exchanges_tokens(transport):
    clock = FakeClock()
    with desk(DESK, clock=clock) as running:

        def source(name: str) -> TokenSource:
            client = Client(
                client_id=name, client_secret=SECRETS[name], discovery_url=running.idp.discovery_url("desk")
            )
            return TokenSource(client, post=transport.post, fetch=transport.fetch, clock=clock)

        token = await source("chat").client_credentials(audience="desk-gateway", scope="desk/use")
        exchanged = await source("gateway").exchange(token, audience="accounts")
        assert running.claims(exchanged)["act"] == {"sub": "gateway"}
        with pytest.raises(OAuthError) as caught:
            await source("gateway").exchange(token, audience="accounts-api")
        assert (caught.value.status, caught.value.error) == (400, "invalid_target")


async def test_agentcores_authorizer_tells_the_tokens_of_a_pool_apart(transport):
    """The access token names its client and no audience, the ID token the reverse."""
    clock = FakeClock()
    with desk(POOL, clock=clock) as running:
        url = running.idp.discovery_url("pool")

        async def taken(token: str, **rules: Any) -> str:
            keys = Keys(url, fetch=transport.fetch, clock=clock)
            authorizer = JwtAuthorizer({"discoveryUrl": url, **rules}, keys)
            try:
                await authorizer.authorize(f"Bearer {token}")
            except TokenError as error:
                return error.reason
            return "taken"

        access, identity = running.token("chat", realm="pool"), running.idp.id_token("pool", "chat")
        meant = running.token("chat", realm="pool", audience="desk-gateway")
        assert await taken(access, allowedClients=["chat"], allowedScopes=["desk/use"]) == "taken"
        assert await taken(access, allowedAudience=["chat"]) == "audience"
        assert await taken(identity, allowedClients=["chat"]) == "client"
        assert await taken(identity, allowedAudience=["chat"]) == "taken"
        assert await taken(meant, allowedAudience=["desk-gateway"], allowedClients=["chat"]) == "taken"
