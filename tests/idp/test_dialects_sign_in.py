"""People sign in at an issuer of each dialect, through its own endpoints, and are known again by its tokens."""

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from skerry.idp import Client, Realm, User
from skerry.idp.dialects import DIALECTS
from skerry.idp.passwords import password_digest
from skerry.idp.realms import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN
from tests.kit.idp import SECRETS, Desk
from tests.kit.idp import desk as running_desk

ANN = User(
    id="person-1",
    name="ann",
    password_digest=password_digest("anns own"),
    groups=("ops",),
    claims={"email": "ann@example.com", "tenant_id": "acme"},
)
APP = Client(
    id="chat",
    secret=SECRETS["chat"],
    scopes=("read", "openid", "email"),
    audiences=("the-api",),
    grants=(AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS),
    redirect_uris=("http://127.0.0.1/callback",),
)
GROUPS = {"cognito": "cognito:groups"}
NO_GROUPS = ("auth0", "auth0-rfc9068")


def realm(dialect: str) -> Realm:
    return Realm(name="home", dialect=dialect, clients={"chat": APP}, users={"ann": ANN})


def sign_in(running: Desk, scope: str = "openid email read") -> dict[str, Any]:
    return running.idp.sign_in("home", "chat", "ann", "anns own", scope=scope, nonce="n-1")


def metadata(running: Desk) -> Mapping[str, Any]:
    found: dict[str, Any] = running.http.get(running.idp.discovery_url("home")).json()
    return found


def post(running: Desk, url: str, **form: str) -> httpx2.Response:
    return running.http.post(url, data={"client_id": "chat", "client_secret": SECRETS["chat"], **form})


@pytest.mark.behaviour("DIA-SIGN-IN")
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "entra-v1"])
def test_a_person_signs_in_and_is_known_again(dialect):
    with running_desk(realm(dialect)) as running:
        tokens, places = sign_in(running), metadata(running)
        identity = running.claims(tokens["id_token"], "home")
        assert (identity["sub"], identity["aud"], identity["nonce"]) == ("person-1", "chat", "n-1")
        assert (identity["email"], identity["tenant_id"]) == ("ann@example.com", "acme")
        if dialect not in NO_GROUPS:
            assert identity[GROUPS.get(dialect, "groups")] == ["ops"]
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        told = running.http.get(places["userinfo_endpoint"], headers=bearer).json()
        assert (told["sub"], told["email"]) == ("person-1", "ann@example.com")
        again = post(
            running, places["token_endpoint"], grant_type=REFRESH_TOKEN, refresh_token=tokens["refresh_token"]
        )
        assert again.status_code == 200, again.text
        if "introspection_endpoint" in places:
            found = post(running, places["introspection_endpoint"], token=tokens["access_token"]).json()
            assert (found["active"], found["client_id"], found["sub"]) == (True, "chat", "person-1")


@pytest.mark.behaviour("DIA-ENTRA-SCOPE")
def test_entras_words_count_at_the_sign_in_too():
    with running_desk(realm("entra")) as running:
        tokens = sign_in(running, "openid api://the-api/read")
        claims = running.claims(tokens["access_token"], "home")
    assert (claims["aud"], claims["scp"]) == ("the-api", "openid read")


@pytest.mark.behaviour("DIA-PLACES")
def test_cognitos_domain_has_two_doors_in_and_one_out():
    with running_desk(realm("cognito")) as running:
        asked = {
            "response_type": "code",
            "client_id": "chat",
            "redirect_uri": "http://127.0.0.1/callback",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }
        doors = [
            running.http.get(running.idp.endpoint("home", name), params=asked)
            for name in ("authorize", "login")
        ]
        assert [door.status_code for door in doors] == [200, 200]
        assert all("password" in door.text for door in doors)
        out = running.http.get(
            running.idp.endpoint("home", "logout"), params={"logout_uri": "https://evil.example"}
        )
        place = out.headers["location"]
        assert (out.status_code, place.partition("?")[0]) == (303, "/home.auth/oauth2/sign-out")
        assert running.http.get(running.idp.url + place).status_code == 400
