"""A revocation is seen by whoever asks the provider: in every dialect, and of what came of the token."""

from __future__ import annotations

import base64
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skerry.idp import Client, Realm
from skerry.idp.dialects import DIALECTS
from skerry.idp.kept.granted import end_all
from skerry.idp.kept.records import Database, Records
from skerry.idp.provider import RECORDS_FILE
from skerry.idp.realms import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from tests.kit.clock import FakeClock
from tests.kit.idp_people import ANN, APP, CLIENTS, Home, people

ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
REALM = Realm(name="home", clients={"app": APP}, users={"ann": ANN})


def userinfo(home: Home, token: str) -> int:
    return home.userinfo(token).status_code


@pytest.mark.behaviour("IDP-REVOKED-EVERYWHERE")
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "entra-v1"])
async def test_an_ended_sign_in_ends_its_access_tokens_in_every_dialect(dialect, tmp_path: Path):
    clock = FakeClock()
    with people(replace(REALM, dialect=dialect), clock=clock, state=tmp_path) as home:
        tokens = home.tokens(scope="openid")
        clock.advance(1)
        other = home.tokens(scope="openid")
        assert (userinfo(home, tokens["access_token"]), userinfo(home, other["access_token"])) == (200, 200)
        if home.http.get(home.idp.discovery_url("home")).json().get("revocation_endpoint"):
            assert home.post("revoke", token=other["access_token"]).status_code == 200
            assert userinfo(home, other["access_token"]) == 401
            assert userinfo(home, tokens["access_token"]) == 200
            assert home.refresh(other["refresh_token"]).status_code == 200, "an access token ends alone"
        with closing(Database(tmp_path / RECORDS_FILE, clock=clock.time)) as database:
            assert await end_all(Records(database, "home"), subject=ANN.id) == 2
        assert userinfo(home, tokens["access_token"]) == 401


@pytest.mark.behaviour("IDP-REVOKED-EVERYWHERE")
def test_a_signature_written_in_another_way_makes_no_other_token():
    """Of an ECDSA signature (r, s) there is another one, (r, -s), that holds as well."""
    with people(replace(REALM, algorithm="ES256")) as home:
        token = home.tokens(scope="openid")["access_token"]
        said, _, signature = token.rpartition(".")
        raw = base64.urlsafe_b64decode(signature + "==")
        s = (ORDER_OF_P256 - int.from_bytes(raw[32:])).to_bytes(32)
        twin = f"{said}.{base64.urlsafe_b64encode(raw[:32] + s).rstrip(b'=').decode()}"
        assert (userinfo(home, token), userinfo(home, twin)) == (200, 200)
        home.post("revoke", token=twin)
        assert (userinfo(home, token), userinfo(home, twin)) == (401, 401)


GATEWAY = Client(
    id="gateway",
    secret=CLIENTS["gateway"].secret,
    grants=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE),
    audiences=("desk-gateway",),
    own_audiences=("desk-gateway",),
    may_exchange=("accounts",),
)
ACCOUNTS = Client(
    id="machine",
    secret=CLIENTS["machine"].secret,
    grants=(TOKEN_EXCHANGE,),
    own_audiences=("accounts", "accounts-api"),
    may_exchange=("accounts-api",),
)


def exchanged(home: Home, token: str, client: str, audience: str) -> Any:
    return home.post(
        "token",
        client,
        grant_type=TOKEN_EXCHANGE,
        subject_token=token,
        subject_token_type="urn:ietf:params:oauth:token-type:access_token",
        audience=audience,
    )


@pytest.mark.behaviour("IDP-REVOKED-EVERYWHERE")
@pytest.mark.parametrize("dialect", ["oauth", "okta"])
@pytest.mark.parametrize("ended", ["access_token", "refresh_token", "machine"])
def test_what_a_token_was_exchanged_for_ends_with_it(dialect, ended):
    realm = replace(REALM, dialect=dialect, clients={"app": APP, "gateway": GATEWAY, "machine": ACCOUNTS})
    with people(realm) as home:
        if ended == "machine":
            given = home.post("token", "gateway", grant_type=CLIENT_CREDENTIALS).json()
            owner, revoked = "gateway", given["access_token"]
        else:
            given = home.tokens(scope="openid desk/use", resource=None, audience="desk-gateway")
            owner, revoked = "app", given[ended]
        first = exchanged(home, given["access_token"], "gateway", "accounts").json()["access_token"]
        second = exchanged(home, first, "machine", "accounts-api").json()["access_token"]
        assert [home.introspect(token, "machine")["active"] for token in (first, second)] == [True, True]
        assert home.post("revoke", owner, token=revoked).status_code == 200
        for token in (first, second):
            assert home.introspect(token, "machine") == {"active": False}
        refused = exchanged(home, first, "machine", "accounts-api")
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
