"""Enterprise-managed authorization: an ID token becomes an ID-JAG, and that a token of another issuer.

enterprise   realm of the enterprise's provider: leg 1, token exchange
tools        realm of an MCP authorization server that trusts it: leg 2, JWT bearer
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider

from skerry.errors import ConfigurationError, TokenError
from skerry.idp import TOKEN_EXCHANGE, Client, Realm, TrustedIssuer, User, parse
from skerry.idp.id_jag import ID_JAG, ID_TOKEN, TrustedIssuers
from skerry.idp.realms import JWT_BEARER
from tests.kit.assertions import signed
from tests.kit.clock import FakeClock
from tests.kit.http_peer import Exchange, HttpPeer
from tests.kit.idp import Desk
from tests.kit.idp import desk as running_desk
from tests.kit.issuer import rsa_key

RESOURCE = "https://tools.example/mcp"
AGENT = Client(
    id="agent",
    secret="s",
    grants=(TOKEN_EXCHANGE,),
    scopes=("use", "change", "enterprise-only"),
    id_jag_audiences={"tools": "agent-at-tools", "https://elsewhere.example/as": "agent"},
)
PLAIN = Client(id="plain", secret="s", grants=(TOKEN_EXCHANGE,), scopes=("use",))
ENTERPRISE = Realm(
    name="enterprise",
    clients={"agent": AGENT, "plain": PLAIN},
    users={
        "ann": User(id="ann-1", name="ann"),
        "bob": User(id="bob-1", name="bob", enabled=False),
        "carl": User(id="carl-1", name="carl"),
    },
)
AT_TOOLS = Client(
    id="agent-at-tools",
    secret="s",
    grants=(JWT_BEARER,),
    scopes=("use", "change"),
    audiences=("default-tools", RESOURCE, "https://tools.example/other"),
)
TOOLS = Realm(
    name="tools",
    clients={
        "agent-at-tools": AT_TOOLS,
        "another": replace(AT_TOOLS, id="another"),
        "public": replace(AT_TOOLS, id="public", secret="", token_endpoint_auth_method="none"),
        "no-grant": replace(AT_TOOLS, id="no-grant", grants=()),
    },
    users={
        "ann": User(id="ann-at-tools", name="ann"),
        "carl": User(id="carl-at-tools", name="carl", enabled=False),
    },
    trusted_issuers={"enterprise": TrustedIssuer(subjects={"ann-1": "ann", "carl-1": "carl"})},
)
STRANGERS = Realm(
    name="strangers",
    clients={"agent": replace(AGENT, id_jag_audiences={"tools": "agent-at-tools"})},
    users={"ann": User(id="ann-1", name="ann")},
)


class Firm:
    """Both issuers, running."""

    def __init__(self, desk: Desk, clock: FakeClock) -> None:
        self.desk = desk
        self.clock = clock
        self.enterprise = desk.idp.issuers.get("enterprise", "")
        self.tools = desk.idp.issuers["tools"]

    def id_token(self, client: str = "agent", realm: str = "enterprise", **changes: Any) -> str:
        usual = {"subject": "ann-1", "username": "ann"}
        return self.desk.idp.id_token(realm, client, **{**usual, **changes})

    def leg1(self, client: str = "agent", realm: str = "enterprise", **form: Any) -> httpx2.Response:
        usual = {
            "grant_type": TOKEN_EXCHANGE,
            "requested_token_type": ID_JAG,
            "subject_token_type": ID_TOKEN,
            "subject_token": form.pop("subject_token", None) or self.id_token(),
            "audience": self.tools,
            "resource": RESOURCE,
        }
        return self.desk.post(client, realm=realm, secret="s", **{**usual, **form})

    def id_jag(self, **form: Any) -> str:
        answer = self.leg1(**form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def leg2(self, assertion: str, client: str = "agent-at-tools", **form: Any) -> httpx2.Response:
        body = {"grant_type": JWT_BEARER, "assertion": assertion, **form}
        return self.desk.post(client, realm="tools", secret="s", **body)

    def forged(self, key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """What only a holder of the enterprise's key could sign, with `changes`; signed with another key."""
        now = int(self.clock.time())
        usual = {
            "iss": self.enterprise,
            "sub": "ann-1",
            "aud": self.tools,
            "client_id": "agent-at-tools",
            "jti": f"forged-{time.monotonic_ns()}",
            "iat": now,
            "exp": now + 300,
        }
        return signed(
            {**usual, **changes},
            key or rsa_key("forger"),
            header={"typ": "oauth-id-jag+jwt", **(header or {})},
        )


@pytest.fixture(scope="module")
def firm() -> Iterator[Firm]:
    clock = FakeClock()
    with running_desk(ENTERPRISE, TOOLS, STRANGERS, clock=clock) as desk:
        yield Firm(desk, clock)


def refused(answer: httpx2.Response, error: str) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text
    return "access_token" not in answer.json()


@pytest.mark.behaviour("IDP-ID-JAG-ISSUED")
def test_an_id_token_becomes_an_assertion_for_one_authorization_server(firm: Firm):
    answer = firm.leg1(scope="use change")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    token = firm.desk.decoded(body.pop("access_token"), "enterprise")
    assert body == {
        "token_type": "N_A",
        "issued_token_type": ID_JAG,
        "expires_in": 300,
        "scope": "use change",
    }
    now = firm.clock.time()
    assert token.header["typ"] == "oauth-id-jag+jwt"
    assert token.claims.pop("jti")
    assert token.claims == {
        "iss": firm.enterprise,
        "sub": "ann-1",
        "aud": firm.tools,
        "client_id": "agent-at-tools",
        "resource": RESOURCE,
        "scope": "use change",
        "iat": now,
        "exp": now + 300,
    }


@pytest.mark.behaviour("IDP-ID-JAG-ISSUED")
def test_it_lives_no_longer_than_the_id_token(firm: Firm):
    assert firm.leg1(subject_token=firm.id_token(lifetime=40)).json()["expires_in"] == 40


@pytest.mark.behaviour("IDP-ID-JAG-POLICY")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"audience": ""}, "invalid_request"),
        ({"audience": "https://unknown.example"}, "invalid_target"),
        ({"audience": "tools"}, "invalid_target"),
        ({"audience": ["TOOLS", "https://elsewhere.example/as"]}, "invalid_target"),
        ({"resource": "mcp"}, "invalid_target"),
        ({"resource": "https://tools.example/mcp#x"}, "invalid_target"),
        ({"scope": "use admin"}, "invalid_scope"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"subject_token": "x"}, "invalid_request"),
    ],
)
def test_a_client_gets_assertions_only_as_the_policy_says(firm: Firm, form, error):
    if isinstance(form.get("audience"), list):
        form = {"audience": [firm.tools, *form["audience"][1:]]}
    assert refused(firm.leg1(**form), error)


@pytest.mark.behaviour("IDP-ID-JAG-POLICY")
def test_a_client_without_a_policy_gets_none(firm: Firm):
    assert refused(firm.leg1("plain", subject_token=firm.id_token("plain")), "invalid_target")


@pytest.mark.behaviour("IDP-ID-JAG-SUBJECT")
def test_only_an_id_token_for_the_client_counts(firm: Firm):
    access = firm.desk.idp.access_token("enterprise", "agent", subject="ann-1", audiences=("agent",))
    bad = [
        firm.id_token("plain"),
        access,
        firm.id_token(lifetime=-1),
        firm.id_token(lifetime=0),
        firm.id_token(realm="strangers"),
        firm.id_token(subject="bob-1"),
        firm.id_jag(),
        signed({"iss": firm.enterprise, "sub": "ann-1", "aud": "agent", "iat": 1, "exp": 2_000_000_000}, rsa_key("forger")),
    ]  # fmt: skip
    for token in bad:
        assert refused(firm.leg1(subject_token=token), "invalid_request")


@pytest.mark.behaviour("IDP-ID-JAG-SUBJECT")
def test_an_access_token_for_the_client_is_no_id_token_in_a_dialect_that_types_neither():
    agent = replace(AGENT, audiences=("agent",))
    okta = Realm(
        name="okta", dialect="okta", clients={"agent": agent}, users={"ann": User(id="ann", name="ann")}
    )
    with running_desk(okta, replace(TOOLS, trusted_issuers={"okta": TrustedIssuer()})) as desk:
        firm = Firm(desk, FakeClock())
        person: dict[str, Any] = {"subject": "ann", "username": "ann"}
        access = desk.idp.access_token("okta", "agent", audiences=("agent",), **person)
        assert refused(firm.leg1(realm="okta", subject_token=access), "invalid_request")
        good = firm.leg1(realm="okta", subject_token=desk.idp.id_token("okta", "agent", **person))
        assert good.status_code == 200, good.text


@pytest.mark.behaviour("IDP-ID-JAG-TAKEN")
def test_an_assertion_becomes_a_token_for_the_person_and_the_resource(firm: Firm):
    answer = firm.leg2(firm.id_jag(scope="use change enterprise-only"), resource=RESOURCE)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    claims = firm.desk.claims(body.pop("access_token"), "tools")
    assert body == {"token_type": "Bearer", "expires_in": 3600, "scope": "use change"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == (firm.tools, "ann-at-tools", RESOURCE)
    assert claims["client_id"] == "agent-at-tools"


@pytest.mark.behaviour("IDP-ID-JAG-NARROWS")
def test_the_token_has_no_more_than_assertion_client_and_request_all_have(firm: Firm):
    one = firm.leg2(firm.id_jag(scope="use"))
    assert one.json()["scope"] == "use"
    assert firm.desk.claims(one.json()["access_token"], "tools")["aud"] == RESOURCE
    assert refused(firm.leg2(firm.id_jag(scope="use"), scope="use change"), "invalid_scope")
    other = "https://tools.example/other"
    assert refused(firm.leg2(firm.id_jag(), resource=other), "invalid_target")
    assert refused(firm.leg2(firm.id_jag(resource="https://foreign.example/")), "invalid_target")
    both = firm.id_jag(resource=[RESOURCE, other])
    assert firm.desk.claims(firm.leg2(both).json()["access_token"], "tools")["aud"] == [RESOURCE, other]
    free = firm.leg2(firm.id_jag(resource=""), scope="change").json()
    assert firm.desk.claims(free["access_token"], "tools")["aud"] == "default-tools"
    assert free["scope"] == "change"
    nothing = firm.leg2(firm.id_jag(scope="enterprise-only"))
    assert "scope" not in nothing.json()


@pytest.mark.behaviour("IDP-ID-JAG-ONCE")
def test_an_assertion_is_used_once_and_a_mistake_beside_it_does_not_spend_it(firm: Firm):
    assertion = firm.id_jag(scope="use")
    assert refused(firm.leg2(assertion, scope="admin"), "invalid_scope")
    assert firm.leg2(assertion).status_code == 200
    assert refused(firm.leg2(assertion), "invalid_grant")


@pytest.mark.behaviour("IDP-ID-JAG-CLIENT")
def test_an_assertion_is_for_the_client_that_it_names(firm: Firm):
    assert refused(firm.leg2(firm.id_jag(), "another"), "invalid_grant")
    assert refused(firm.leg2(firm.id_jag(), "no-grant"), "unauthorized_client")
    form = {"grant_type": JWT_BEARER, "assertion": firm.id_jag(), "client_id": "public"}
    answer = firm.desk.http.post(firm.desk.idp.token_endpoint("tools"), data=form)
    assert refused(answer, "unauthorized_client")
    assert firm.leg2(firm.id_jag(), client_secret="wrong").status_code == 401


@pytest.mark.behaviour("IDP-ID-JAG-REFUSED")
def test_an_assertion_that_does_not_hold_is_refused(firm: Firm):
    own = firm.desk.idp.access_token("enterprise", "agent", subject="ann-1", audiences=(firm.tools,))
    stranger = firm.id_jag(client="agent", realm="strangers", subject_token=firm.id_token(realm="strangers"))
    foreign = firm.id_jag(audience="https://elsewhere.example/as")
    bad = {
        "garbage": "x",
        "an access token": own,
        "an ID token": firm.id_token(),
        "of an issuer that is not trusted": stranger,
        "for another server": foreign,
        "with another key": firm.forged(),
        "with a key id of the issuer and another key": firm.forged(
            header={"kid": firm.desk.jwks("enterprise")["keys"][0]["kid"]}
        ),
        "of another issuer": firm.forged(iss="https://evil.example"),
        "without issuer": firm.forged(iss=None),
        "for two servers": firm.forged(aud=[firm.tools, "https://elsewhere.example/as"]),
        "without key id": firm.forged(header={"kid": None}),
        "unsigned": firm.forged(header={"alg": "none"}),
        "with a shared key": firm.forged(header={"alg": "HS256"}),
        "of another type": firm.forged(header={"typ": "jwt"}),
        "far ahead": firm.forged(exp=int(firm.clock.time()) + 331),
        "over": firm.forged(exp=int(firm.clock.time()) - 30),
        "without jti": firm.forged(jti=None),
    }
    for name, assertion in bad.items():
        assert refused(firm.leg2(assertion), "invalid_grant"), name
    assert refused(firm.leg2(""), "invalid_request")


@pytest.mark.behaviour("IDP-ID-JAG-REFUSED")
def test_a_realm_that_trusts_nobody_takes_none_and_says_so():
    with running_desk(ENTERPRISE, replace(TOOLS, trusted_issuers={})) as desk:
        firm = Firm(desk, FakeClock(time.time()))
        found = desk.http.get(desk.idp.discovery_url("tools")).json()
        assert JWT_BEARER not in found["grant_types_supported"]
        assert refused(firm.leg2(firm.id_jag()), "invalid_grant")


def test_a_realm_that_trusts_somebody_says_so(firm: Firm):
    found = firm.desk.http.get(firm.desk.idp.discovery_url("tools")).json()
    assert JWT_BEARER in found["grant_types_supported"]


@pytest.mark.behaviour("IDP-ID-JAG-REFUSED")
def test_somebody_who_is_disabled_here_gets_no_token(firm: Firm):
    assert refused(firm.leg2(firm.id_jag(subject_token=firm.id_token(subject="carl-1"))), "invalid_grant")


@pytest.mark.behaviour("IDP-ID-JAG-REFUSED")
def test_nobody_is_vouched_for_who_was_removed(firm: Firm):
    gone = firm.id_token(subject="dora-1", username="dora")
    assert refused(firm.leg1(subject_token=gone), "invalid_request")


def test_the_enterprise_s_new_key_is_found(firm: Firm):
    assert firm.leg2(firm.id_jag()).status_code == 200
    firm.desk.idp.rotate_keys("enterprise")
    firm.clock.advance(30)
    assert firm.leg2(firm.id_jag()).status_code == 200


@pytest.mark.behaviour("IDP-ID-JAG-KEYS")
async def test_a_key_that_was_taken_back_counts_no_more_after_a_minute():
    clock, key = FakeClock(), rsa_key("enterprise")
    issuer, published = "https://idp.example", [{**key.as_dict(private=False), "kid": "1"}]

    async def fetch(url: str) -> bytes:
        metadata = {"issuer": issuer, "jwks_uri": f"{issuer}/keys"}
        return json.dumps({"keys": published} if url.endswith("/keys") else metadata).encode()

    trusted = TrustedIssuers({issuer: TrustedIssuer()}, fetch=fetch, clock=clock)

    async def taken() -> bool:
        now = int(clock.time())
        claims = {"iss": issuer, "sub": "ann", "aud": "tools", "jti": "1", "iat": now, "exp": now + 300}
        assertion = signed(claims, key, header={"typ": "oauth-id-jag+jwt", "kid": "1"})
        try:
            await trusted.verify(assertion, issuer=issuer, audience="tools")
        except TokenError as error:
            assert error.reason == "key"
            return False
        return True

    assert await taken()
    published.clear()
    clock.advance(60)
    assert not await taken()


@pytest.mark.parametrize("issuer", ["tools", "unknown", "http://idp.example", "ftp://127.0.0.1/x", ""])
def test_a_trusted_issuer_is_another_realm_or_a_safe_url(issuer):
    with pytest.raises(ConfigurationError, match="trusted_issuers"):
        parse({"realms": {"tools": {"trusted_issuers": [issuer]}, "enterprise": {}}})


class Storage:
    """The SDK's TokenStorage, in memory."""

    async def get_tokens(self):
        return None

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return None

    async def set_client_info(self, info):
        raise AssertionError("nothing is registered")


@pytest.mark.behaviour("IDP-ID-JAG-TAKEN")
async def test_the_mcp_sdk_gets_in_by_an_assertion_of_ours():
    seen: list[str] = []

    async def server(exchange: Exchange) -> None:
        sent = exchange.request.headers.get("authorization", "")
        seen.append(sent)
        await exchange.answer(200 if sent else 401, b"{}")

    async with HttpPeer(server) as peer:
        at_tools = replace(AT_TOOLS, audiences=(f"{peer.url}/mcp",))
        tools = replace(TOOLS, clients={at_tools.id: at_tools})
        with running_desk(ENTERPRISE, tools) as desk:
            firm = Firm(desk, FakeClock())

            async def assertion(audience: str, resource: str) -> str:
                return await asyncio.to_thread(firm.id_jag, audience=audience, resource=resource)

            provider = IdentityAssertionOAuthProvider(
                server_url=f"{peer.url}/mcp",
                storage=Storage(),
                client_id="agent-at-tools",
                client_secret="s",
                issuer=firm.tools,
                assertion_provider=assertion,
                scope="use",
            )
            async with httpx2.AsyncClient(auth=provider, trust_env=False) as client:
                assert (await client.get(f"{peer.url}/mcp")).status_code == 200
            claims = desk.claims(seen[-1].removeprefix("Bearer "), "tools")
    assert (claims["aud"], claims["sub"], claims["scope"]) == (f"{peer.url}/mcp", "ann-at-tools", "use")
