"""Okta, Entra and Auth0: their tokens, their places, and what skerry's own verifier makes of them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from skerry.auth.discovery import discovery_urls
from skerry.auth.http.transport import Transport
from skerry.auth.jwt import dialects
from skerry.auth.jwt.authorizer import JwtAuthorizer
from skerry.auth.jwt.keys import Keys
from skerry.auth.jwt.tokens import verify
from skerry.errors import TokenError
from skerry.idp import Client, Realm
from skerry.idp.dialects import DIALECTS
from skerry.idp.dialects.entra import tenant
from skerry.idp.form import Form
from skerry.idp.issuance import Issuance
from skerry.idp.provider import make_provider
from skerry.idp.realm.configuration import parse
from skerry.idp.realm.defaults import issuer_path
from tests.kit.clock import FakeClock
from tests.kit.idp import SECRETS, Desk
from tests.kit.idp import desk as running_desk

NOW = 1_800_000_000
CHAT = Client(id="chat", secret=SECRETS["chat"], scopes=("read", "write", "openid"), audiences=("the-api",))
PLAIN = Client(id="idle", secret=SECRETS["idle"], scopes=("read",), audiences=())
PERSON: dict[str, Any] = {"subject": "person-1", "username": "ann@example.com"}
NAMES = tuple(DIALECTS)


def realm(dialect: str) -> Realm:
    return Realm(name=dialect, dialect=dialect, clients={"chat": CHAT})


OKTA_DEFAULT = Realm(name="default", dialect="okta", path="/oauth2/default", clients={"idle": PLAIN})
TENANT = tenant(realm("entra"))


@pytest.fixture(scope="module")
def all_of_them():
    with running_desk(*map(realm, NAMES), OKTA_DEFAULT, clock=FakeClock()) as running:
        yield running


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield Transport(http)


PLACES = {
    "okta": ("/okta/oauth2/default", "/okta/oauth2/default/v1/token", "/okta/oauth2/default/v1/keys"),
    "entra": (f"/{TENANT}/v2.0", f"/{TENANT}/oauth2/v2.0/token", f"/{TENANT}/discovery/v2.0/keys"),
    "auth0": ("/auth0/", "/auth0/oauth/token", "/auth0/.well-known/jwks.json"),
    "cognito": (
        "/us-east-1_cognito",
        "/cognito.auth/oauth2/token",
        "/us-east-1_cognito/.well-known/jwks.json",
    ),
}


@pytest.mark.behaviour("DIA-PLACES")
@pytest.mark.parametrize("dialect", PLACES)
def test_issuer_and_endpoints_are_where_the_provider_has_them(all_of_them: Desk, dialect):
    issuer, token, keys = (all_of_them.idp.url + path for path in PLACES[dialect])
    found = all_of_them.http.get(all_of_them.idp.discovery_url(dialect)).json()
    assert (found["issuer"], found["token_endpoint"], found["jwks_uri"]) == (issuer, token, keys)
    assert all_of_them.idp.issuers[dialect] == issuer
    assert all_of_them.http.get(keys).json()["keys"]


@pytest.mark.behaviour("DIA-ISSUER-EXACT")
@pytest.mark.parametrize("dialect", NAMES)
def test_the_issuer_is_found_by_its_name_byte_for_byte(all_of_them: Desk, dialect):
    """The places that a client makes out of the issuer, with its slash at the end where it has one."""
    issuer = all_of_them.idp.issuers[dialect]
    assert issuer.endswith("/") is dialect.startswith("auth0")
    answers = [all_of_them.http.get(place) for place in discovery_urls(issuer)]
    found = [answer for answer in answers if answer.status_code == 200]
    assert len(found) == (1 if dialect in ("cognito", "entra", "entra-v1") else 3)
    assert len({answer.content for answer in found}) == 1
    assert found[-1].json()["issuer"] == issuer


@pytest.mark.behaviour("DIA-OKTA")
def test_okta_tokens(all_of_them: Desk):
    machine = all_of_them.decoded(_token(all_of_them, "okta"), "okta")
    assert "typ" not in machine.header
    assert machine.claims.pop("jti").startswith("AT.")
    assert machine.claims == {
        "ver": 1,
        "iss": all_of_them.idp.issuers["okta"],
        "aud": "the-api",
        "iat": NOW,
        "exp": NOW + 3600,
        "cid": "chat",
        "scp": ["read"],
        "sub": "chat",
    }
    person = all_of_them.claims(
        all_of_them.idp.access_token("okta", "chat", **PERSON, groups=("ops",)), "okta"
    )
    assert (person["sub"], person["uid"], person["groups"]) == ("ann@example.com", "person-1", ["ops"])
    identity = all_of_them.claims(all_of_them.idp.id_token("okta", "chat", **PERSON, nonce="n"), "okta")
    assert (identity["sub"], identity["aud"], identity["nonce"]) == ("person-1", "chat", "n")
    assert identity["jti"].startswith("ID.")
    assert not {"cid", "scp", "uid"} & set(identity)


@pytest.mark.behaviour("DIA-OKTA-AUDIENCE")
def test_an_okta_client_without_audiences_has_that_of_the_server(all_of_them: Desk):
    assert all_of_them.idp.issuers["default"] == f"{all_of_them.idp.url}/oauth2/default"
    token = all_of_them.token("idle", realm="default")
    assert all_of_them.claims(token, "default")["aud"] == "api://default"
    other = all_of_them.post("idle", realm="default", grant_type="client_credentials", audience="the-api")
    assert (other.status_code, other.json()["error"]) == (400, "invalid_target")


@pytest.mark.behaviour("DIA-ENTRA")
def test_entra_tokens(all_of_them: Desk):
    machine = all_of_them.decoded(_token(all_of_them, "entra"), "entra")
    assert machine.header["typ"] == "JWT"
    assert machine.claims.pop("uti")
    principal = machine.claims.pop("oid")
    assert principal != "chat"
    assert machine.claims == {
        "aud": "the-api",
        "iss": all_of_them.idp.issuers["entra"],
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3600,
        "azp": "chat",
        "azpacr": "1",
        "roles": ["read"],
        "idtyp": "app",
        "sub": principal,
        "tid": TENANT,
        "ver": "2.0",
    }
    person = all_of_them.claims(all_of_them.idp.access_token("entra", "chat", **PERSON), "entra")
    assert (person["scp"], person["oid"], person["azp"]) == ("read write openid", "person-1", "chat")
    assert not {"roles", "idtyp", "scope"} & set(person)
    identity = all_of_them.claims(all_of_them.idp.id_token("entra", "chat", **PERSON), "entra")
    assert (identity["aud"], identity["ver"], identity["tid"]) == ("chat", "2.0", TENANT)
    assert not {"azp", "scp", "roles"} & set(identity)


@pytest.mark.behaviour("DIA-ENTRA-SCOPE")
@pytest.mark.parametrize(
    ("scope", "audience", "roles"),
    [
        ("api://the-api/.default", "the-api", ["read", "write", "openid"]),
        ("api://the-api/read", "the-api", ["read"]),
        ("read", "the-api", ["read"]),
    ],
)
def test_entras_own_spelling_of_scopes_names_the_api(all_of_them: Desk, scope, audience, roles):
    claims = all_of_them.claims(all_of_them.token("chat", realm="entra", scope=scope), "entra")
    assert (claims["aud"], claims["roles"]) == (audience, roles)


@pytest.mark.behaviour("DIA-ENTRA-SCOPE")
@pytest.mark.parametrize("scope", ["api://other/.default", "api://the-api/unknown"])
def test_entras_spelling_opens_nothing_more(all_of_them: Desk, scope):
    answer = all_of_them.post("chat", realm="entra", grant_type="client_credentials", scope=scope)
    assert (answer.status_code, answer.json()["error"]) in [(400, "invalid_target"), (400, "invalid_scope")]


def test_a_scope_without_entras_words_is_read_as_it_is():
    read = DIALECTS["entra"].read
    for text in ("", "read", "/.default", "api:///.default", "openid https://graph/.default"):
        form = Form({"scope": (text,)} if text else {})
        assert read(form).one("scope") == text
        assert read(form).all("audience") == ()


@pytest.mark.behaviour("DIA-AUTH0")
def test_auth0_tokens(all_of_them: Desk):
    machine = all_of_them.decoded(_token(all_of_them, "auth0"), "auth0")
    assert machine.header["typ"] == "JWT"
    assert machine.claims == {
        "iss": f"{all_of_them.idp.url}/auth0/",
        "sub": "chat@clients",
        "aud": "the-api",
        "iat": NOW,
        "exp": NOW + 3600,
        "azp": "chat",
        "scope": "read",
        "gty": "client-credentials",
    }
    person = all_of_them.claims(all_of_them.idp.access_token("auth0", "chat", **PERSON), "auth0")
    assert person["aud"] == ["the-api", f"{all_of_them.idp.url}/auth0/userinfo"]
    assert (person["sub"], "gty" in person) == ("person-1", False)
    identity = all_of_them.claims(all_of_them.idp.id_token("auth0", "chat", **PERSON), "auth0")
    assert (identity["aud"], "azp" in identity) == ("chat", False)


@pytest.mark.behaviour("DIA-AUTH0")
def test_auth0s_other_profile_is_rfc_9068(all_of_them: Desk):
    token = all_of_them.decoded(_token(all_of_them, "auth0-rfc9068"), "auth0-rfc9068")
    assert token.header["typ"] == "at+jwt"
    assert (token.claims["client_id"], token.claims["sub"]) == ("chat", "chat@clients")
    assert token.claims["jti"]
    assert not {"azp", "gty"} & set(token.claims)


def _token(running: Desk, dialect: str) -> str:
    return running.token("chat", realm=dialect, scope="read")


ACCEPTED = [name for name in NAMES if name != "entra-v1"]


async def _reason(
    running: Desk,
    dialect: str,
    token: str,
    transport: Transport,
    as_dialect: str = "",
    audience: str = "the-api",
) -> str:
    issuer = running.idp.issuers[dialect]
    keys = Keys.of_issuer(issuer, fetch=transport.fetch, clock=FakeClock())
    known = dialects.DIALECTS[as_dialect or DIALECTS[dialect].verified_as.name]
    try:
        await verify(
            token,
            keys=keys,
            issuer=issuer,
            dialect=known,
            now=NOW,
            audience=audience,
            clients=["chat"],
            leeway=0.0,
        )
    except TokenError as error:
        return f"{error.reason}: {error}"
    return "taken"


@pytest.mark.behaviour("DIA-ROUND-TRIP")
@pytest.mark.parametrize("dialect", ACCEPTED)
@pytest.mark.parametrize("who", ["machine", "person"])
async def test_the_verifier_takes_access_tokens_and_no_id_tokens(all_of_them: Desk, transport, dialect, who):
    idp, more = all_of_them.idp, PERSON if who == "person" else {}
    access, identity = idp.access_token(dialect, "chat", **more), idp.id_token(dialect, "chat", **PERSON)
    assert await _reason(all_of_them, dialect, access, transport) == "taken"
    # an ID token's aud is its client: asked for with that audience, only its kind can refuse it
    for audience in ("the-api", "chat"):
        refused = await _reason(all_of_them, dialect, identity, transport, audience=audience)
        assert refused.startswith("kind:")


@pytest.mark.behaviour("DIA-ROUND-TRIP")
async def test_a_dialect_is_not_taken_for_another(all_of_them: Desk, transport):
    """Which pairs hold: what two providers have in common is a table, and everything else is refused."""
    taken = set()
    for dialect in ACCEPTED:
        token = all_of_them.idp.access_token(dialect, "chat", **PERSON)
        for other in dialects.DIALECTS:
            if await _reason(all_of_them, dialect, token, transport, as_dialect=other) == "taken":
                taken.add((dialect, other))
    same = {(name, name) for name in ACCEPTED}
    assert taken - same == {
        ("oauth", "auth0-rfc9068"),  # the same profile
        ("auth0-rfc9068", "oauth"),
        ("entra", "auth0"),  # both name the client in azp, and a v2.0 token only has more
    }
    assert same <= taken


@pytest.mark.behaviour("DIA-ENTRA-V1")
async def test_entra_v1_tokens_are_refused_and_the_manifest_is_named(all_of_them: Desk, transport):
    token = all_of_them.token("chat", realm="entra-v1")
    claims = all_of_them.claims(token, "entra-v1")
    assert claims["iss"] == f"https://sts.windows.net/{claims['tid']}/"
    assert (claims["appid"], claims["ver"], "azp" in claims) == ("chat", "1.0", False)
    refused = await _reason(all_of_them, "entra-v1", token, transport)
    assert refused.startswith("issuer:")
    assert "requestedAccessTokenVersion: 2" in refused
    url = all_of_them.idp.discovery_url("entra-v1")
    authorizer = JwtAuthorizer(
        {"discoveryUrl": url, "allowedAudience": ["the-api"]},
        Keys(url, fetch=transport.fetch, clock=FakeClock()),
    )
    with pytest.raises(TokenError, match="requestedAccessTokenVersion"):
        await authorizer.authorize(f"Bearer {token}")


RULES: dict[str, dict[str, Any]] = {
    "okta": {"allowedAudience": ["the-api"], "customClaims": [("cid", "chat")]},
    "entra": {"allowedAudience": ["the-api"], "customClaims": [("azp", "chat")]},
    "auth0": {"allowedAudience": ["the-api"], "customClaims": [("azp", "chat")]},
    "auth0-rfc9068": {"allowedAudience": ["the-api"], "allowedClients": ["chat"]},
    "cognito": {"allowedClients": ["chat"], "allowedScopes": ["read"]},
    "oauth": {"allowedAudience": ["the-api"], "allowedClients": ["chat"], "allowedScopes": ["read"]},
}


def _rules(rules: dict[str, Any]) -> dict[str, Any]:
    custom = [
        {
            "inboundTokenClaimName": name,
            "inboundTokenClaimValueType": "STRING",
            "authorizingClaimMatchValue": {
                "claimMatchOperator": "EQUALS",
                "claimMatchValue": {"matchValueString": value},
            },
        }
        for name, value in rules.get("customClaims", ())
    ]
    return {**rules, "customClaims": custom} if custom else rules


@pytest.mark.behaviour("DIA-AUTHORIZER")
@pytest.mark.parametrize("dialect", RULES)
async def test_agentcores_authorizer_takes_each_by_the_settings_of_the_docs(
    all_of_them: Desk, transport, dialect
):
    url = all_of_them.idp.discovery_url(dialect)
    made = all_of_them.idp.access_token(
        dialect, "chat", audiences=() if dialect == "cognito" else ("the-api",)
    )

    async def taken(rules: dict[str, Any]) -> bool:
        keys = Keys(url, fetch=transport.fetch, clock=FakeClock())
        try:
            await JwtAuthorizer({"discoveryUrl": url, **rules}, keys).authorize(f"Bearer {made}")
        except TokenError:
            return False
        return True

    assert await taken(_rules(RULES[dialect]))
    for name, value in RULES[dialect].items():
        wrong = [("no-such-claim", "chat")] if name == "customClaims" else [f"{value[0]}-other"]
        assert not await taken(_rules({**RULES[dialect], name: wrong})), name
    if dialect in ("okta", "entra", "auth0"):
        assert not await taken({"allowedClients": ["chat"]})


@pytest.mark.behaviour("DIA-OKTA")
async def test_an_okta_server_exchanges_tokens_and_keeps_the_person(transport):
    gateway = Client(
        id="gateway",
        secret=SECRETS["gateway"],
        grants=("urn:ietf:params:oauth:grant-type:token-exchange",),
        own_audiences=("the-api",),
        may_exchange=("accounts",),
    )
    okta = Realm(name="okta", dialect="okta", clients={"chat": CHAT, "gateway": gateway})
    with running_desk(okta) as running:
        person = running.idp.access_token("okta", "chat", **PERSON)
        answer = running.exchange("gateway", person, realm="okta", scope="read")
        assert answer.status_code == 200, answer.text
        claims = running.claims(answer.json()["access_token"], "okta")
    assert (claims["sub"], claims["uid"]) == ("ann@example.com", "person-1")
    assert (claims["aud"], claims["scp"]) == ("accounts", ["read"])
    assert claims["act"] == {"sub": "gateway"}


@pytest.mark.parametrize("dialect", NAMES)
def test_a_path_of_ones_own_moves_the_endpoints_along(dialect):
    slash = "/" if dialect.startswith("auth0") else ""
    moved = replace(realm(dialect), path=f"/team/a.b{slash}")
    paths = DIALECTS[dialect].paths(issuer_path(moved))
    assert paths.token.startswith("/team/a.b")
    assert "//" not in paths.token


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"path": "/a/"}, {"path": "/a"}),
        ({"dialect": "auth0", "path": "/a/"}, {"path": "/a/oauth/token"}),
        ({"dialect": "okta", "path": "/oauth2/default"}, {"dialect": "okta", "path": "/oauth2/Default"}),
    ],
)
def test_two_issuers_at_one_place_are_refused(first, second):
    client = {"clients": {"chat": {"secret": "s"}}}
    with pytest.raises(Exception, match="already"):
        parse({"realms": {"one": {**client, **first}, "two": {**client, **second}}})


@pytest.mark.behaviour("DIA-ROUND-TRIP")
@pytest.mark.parametrize("dialect", ACCEPTED)
def test_an_issuer_knows_its_own_tokens_by_the_names_of_rfc_9068(dialect):
    """So that exchange, userinfo and introspection need no dialect."""
    import asyncio

    clock = FakeClock()
    provider = make_provider([realm(dialect)], base_url="http://127.0.0.1:9", clock=clock)
    issuer = provider.issuers[dialect]
    usual = {"client_id": "chat", "audiences": ("the-api",), "scopes": ("read", "write"), "lifetime": 60}
    person = issuer.access_token(Issuance(subject="person-1", username="ann@example.com", **usual))
    machine = issuer.access_token(Issuance(subject="chat", **usual))
    for token in (person, machine):
        found = asyncio.run(issuer.own(token))
        assert (found["client_id"], found["scope"]) == ("chat", "read write")
        assert (found["sub"] == "person-1") is (token is person)
        assert dialect == "auth0" or not str(found["jti"]).startswith("AT.")
    provider.close()
