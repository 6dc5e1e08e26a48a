"""Userinfo, revocation, introspection; what the recorder gets to see; the shortcut for other tests."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.errors import RemoteError
from skerry.idp.kept import granted
from skerry.idp.kept.records import Database, Records
from skerry.idp.passwords import secret_digest
from skerry.idp.realms import TOKEN_EXCHANGE
from skerry.wire.hop import decode
from tests.fuzz.effort import scaled
from tests.kit.clock import FakeClock
from tests.kit.idp_people import ANN, CLIENTS, HOME, PASSWORDS, VERIFIER, Home, people


@pytest.fixture(scope="module")
def shared_home():
    with people() as running:
        yield running


@pytest.mark.behaviour("IDP-USERINFO")
@pytest.mark.parametrize(
    ("headers", "status", "challenge"),
    [
        ([], 401, 'Bearer realm="{}"'),
        ([("authorization", "Bearer x.y.z")], 401, 'error="invalid_token"'),
        ([("authorization", "Bearer")], 401, 'error="invalid_token"'),
        ([("authorization", "Basic YTpi")], 401, 'error="invalid_token"'),
        ([("authorization", "Bearer a"), ("authorization", "Bearer b")], 400, 'error="invalid_request"'),
    ],
    ids=["none", "garbage", "empty", "basic", "two"],
)
def test_userinfo_challenges(shared_home: Home, headers, status, challenge):
    answer = shared_home.http.get(f"{shared_home.issuer()}/oauth2/userInfo", headers=headers)
    assert answer.status_code == status
    assert challenge.format(shared_home.issuer()) in answer.headers["www-authenticate"]
    assert ("error=" in answer.headers["www-authenticate"]) == bool(headers)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.behaviour("IDP-USERINFO")
def test_userinfo_takes_an_access_token_with_openid_and_nothing_else(home: Home, clock: FakeClock):
    tokens = home.tokens(scope="openid desk/use")
    without = home.refresh(tokens["refresh_token"], scope="desk/use").json()["access_token"]
    answer = home.userinfo(without)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="openid"' in answer.headers["www-authenticate"]
    assert home.userinfo(tokens["id_token"]).status_code == 401
    assert home.userinfo(tokens["refresh_token"]).status_code == 401
    assert home.userinfo(tokens["access_token"]).json()["sub"] == ANN.id
    place = f"{home.issuer()}/oauth2/userInfo"
    assert home.http.get(place, params={"access_token": tokens["access_token"]}).status_code == 400
    assert home.http.post(place, data={"access_token": tokens["access_token"]}).status_code == 401
    machine = home.idp.access_token("home", "app", scopes=("openid",))
    assert home.userinfo(machine).status_code == 401
    clock.advance(3600)
    assert home.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.behaviour("IDP-REVOCATION")
def test_a_revoked_refresh_token_ends_its_sign_in(home: Home):
    tokens, other = home.tokens(), home.tokens()
    answer = home.post("revoke", token=tokens["refresh_token"], token_type_hint="access_token")
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (200, b"", "no-store")
    assert home.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert home.introspect(tokens["access_token"]) == {"active": False}
    assert home.introspect(other["access_token"])["active"] is True
    assert home.post("revoke", token=tokens["refresh_token"]).status_code == 200


@pytest.mark.behaviour("IDP-REVOCATION")
def test_a_revoked_access_token_ends_alone(home: Home):
    tokens = home.tokens(scope="openid")
    assert home.post("revoke", token=tokens["access_token"]).status_code == 200
    assert home.introspect(tokens["access_token"]) == {"active": False}
    assert home.userinfo(tokens["access_token"]).status_code == 401
    renewed = home.refresh(tokens["refresh_token"])
    assert home.introspect(renewed.json()["access_token"])["active"] is True


@pytest.mark.behaviour("IDP-REVOCATION")
def test_nobody_revokes_the_tokens_of_others(home: Home):
    tokens = home.tokens()
    for kind in ("access_token", "refresh_token"):
        answer = home.post("revoke", "other", token=tokens[kind])
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert home.post("revoke", client_secret="wrong", token=tokens[kind]).status_code == 401
    assert home.introspect(tokens["access_token"])["active"] is True
    assert home.refresh(tokens["refresh_token"]).status_code == 200
    assert home.post("revoke", token="unknown").status_code == 200
    assert home.post("revoke").json()["error"] == "invalid_request"


@pytest.mark.behaviour("IDP-REVOCATION")
def test_a_machines_token_can_be_revoked(home: Home):
    token = home.post("token", "machine", grant_type="client_credentials").json()["access_token"]
    assert home.introspect(token, "gateway")["active"] is True
    assert home.post("revoke", "machine", token=token).status_code == 200
    assert home.introspect(token, "gateway") == {"active": False}


@pytest.mark.behaviour("IDP-INTROSPECTION")
def test_a_client_learns_of_its_own_tokens_and_a_resource_server_of_those_for_it(
    home: Home, clock: FakeClock
):
    tokens = home.tokens(scope="openid desk/use")
    now = int(clock.time())
    told = home.introspect(tokens["access_token"])
    assert told.pop("jti")
    assert told == {
        "active": True,
        "client_id": "app",
        "token_type": "Bearer",
        "sub": ANN.id,
        "aud": "desk-gateway",
        "iss": home.issuer(),
        "iat": now,
        "exp": now + 3600,
        "scope": "desk/use openid",
    }
    assert home.introspect(tokens["access_token"], "gateway")["active"] is True
    refresh = home.introspect(tokens["refresh_token"])
    assert (refresh["active"], refresh["sub"], refresh["scope"]) == (True, ANN.id, "openid desk/use")
    assert "token_type" not in refresh


@pytest.mark.behaviour("IDP-INTROSPECTION")
def test_about_all_else_it_says_nothing_but_inactive(home: Home, clock: FakeClock):
    tokens = home.tokens(scope="openid")
    assert home.introspect(tokens["access_token"], "other") == {"active": False}
    assert home.introspect(tokens["refresh_token"], "other") == {"active": False}
    assert home.introspect(tokens["refresh_token"], "gateway") == {"active": False}
    assert home.introspect(tokens["id_token"]) == {"active": False}
    assert home.introspect("unknown") == {"active": False}
    assert home.post("introspect", client_secret="wrong", token="x").status_code == 401
    assert home.post("introspect").json()["error"] == "invalid_request"
    clock.advance(3600)
    assert home.introspect(tokens["access_token"]) == {"active": False}


@pytest.mark.behaviour("IDP-REVOKED-NO-EXCHANGE")
def test_a_revoked_token_cannot_be_exchanged():
    from tests.kit.idp import desk as running_desk

    with running_desk() as desk:
        token = desk.token("chat", scope="desk/use")
        assert desk.exchange("gateway", token).status_code == 200
        proof = {"client_id": "chat", "client_secret": "secret of chat + / % :"}
        issuer = desk.idp.issuers["desk"]
        assert desk.http.post(f"{issuer}/oauth2/revoke", data={**proof, "token": token}).status_code == 200
        answer = desk.exchange("gateway", token)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.behaviour("IDP-REVOCATION")
def test_what_was_exchanged_ends_with_the_sign_in_it_came_of():
    gateway = replace(
        CLIENTS["gateway"],
        grants=(TOKEN_EXCHANGE,),
        own_audiences=("desk-gateway", "accounts"),
        may_exchange=("accounts",),
    )
    with people(replace(HOME, clients={**CLIENTS, "gateway": gateway})) as home:
        tokens = home.tokens()

        def exchanged(token: str) -> str:
            form = {
                "subject_token": token,
                "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "audience": "accounts",
            }
            answer = home.post("token", "gateway", grant_type=TOKEN_EXCHANGE, **form)
            assert answer.status_code == 200, answer.text
            return str(answer.json()["access_token"])

        once = exchanged(tokens["access_token"])
        twice = exchanged(once)
        assert [home.introspect(token, "gateway")["active"] for token in (once, twice)] == [True, True]
        assert home.post("revoke", token=tokens["refresh_token"]).status_code == 200
        assert [home.introspect(token, "gateway") for token in (once, twice)] == [{"active": False}] * 2


@pytest.mark.behaviour("IDP-GRANTS-END")
async def test_all_grants_of_a_client_or_a_person_end_at_once(clock: FakeClock, tmp_path):
    with people(clock=clock, state=tmp_path) as home:
        mine, other, bobs = home.tokens(), home.tokens("other"), home.tokens("other", "bob")
        database = Database(
            tmp_path / "records.sqlite", clock=clock.time
        )  # as a command beside the provider does
        records = Records(database, "home")
        assert await granted.end_all(records, client_id="app") == 1
        assert home.refresh(mine["refresh_token"]).status_code == 400
        assert home.introspect(mine["access_token"]) == {"active": False}
        assert await granted.end_all(records, subject=ANN.id) == 1
        assert home.introspect(other["access_token"], "other") == {"active": False}
        assert home.refresh(bobs["refresh_token"], "other").status_code == 200
        assert await granted.end_all(records, client_id="nobody") == 0
        database.close()


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("skerry", "uvicorn")):  # and not the HTTP client of this test
            self.lines.append(self.format(record))


@pytest.mark.behaviour("IDP-PEOPLE-HOPS")
def test_the_recorder_sees_who_did_what_and_nothing_secret():
    """A whole life: a wrong password, sign-in, consent, tokens, reuse; with everything that must stay secret."""
    lines = Lines()
    root = logging.getLogger()
    before = root.level
    root.addHandler(lines)
    root.setLevel(logging.DEBUG)
    try:
        with people() as home:
            browser = home.browser()
            page = browser.sign_in(
                browser.open(home.url(state="state-secret", nonce="nonce-secret")), "ann", "wrong-secret"
            )
            page = browser.sign_in(page)
            code = browser.press(page, decision="approve").code
            tokens = home.redeem(code).json()
            home.refresh(tokens["refresh_token"])
            home.refresh(tokens["refresh_token"])
            home.redeem(code)
            home.userinfo(tokens["access_token"])
            home.introspect(tokens["access_token"])
            secrets = [code, *browser.cookies().values(), VERIFIER, page.form.fields["csrf"]]
            secrets += [tokens[name] for name in ("access_token", "refresh_token", "id_token")]
    finally:
        root.removeHandler(lines)
        root.setLevel(before)
    hops = [hop for line in lines.lines if (hop := decode(line)) is not None]
    assert [hop.operation for hop in hops] == [
        *("authorize", "sign-in", "sign-in", "authorize", "consent", "authorization_code"),
        *("refresh_token", "refresh_token", "authorization_code", "userinfo", "introspect"),
    ]
    assert [hop.detail.get("error") for hop in hops[:3]] == [None, "wrong-password", None]
    assert hops[4].identity == f"{ANN.id}@{hops[4].detail['issuer']}"
    assert (hops[4].target, hops[4].detail["client"]) == ("desk-gateway", "app")
    assert hops[7].detail["note"] == "refresh-reuse"
    assert hops[8].detail["error"] == "invalid_grant"
    text = "\n".join(lines.lines)
    hidden = [
        "wrong-secret",
        "state-secret",
        "nonce-secret",
        PASSWORDS["ann"],
        CLIENTS["app"].secret,
        *secrets,
    ]
    for secret in hidden:
        assert secret not in text
        assert secret_digest(secret) not in text
        assert secret.rpartition(".")[2][:40] not in text


@pytest.mark.behaviour("IDP-SIGN-IN-SHORTCUT")
def test_other_tests_sign_people_in_by_one_call(home: Home):
    tokens = home.idp.sign_in("home", "app", "ann", PASSWORDS["ann"], scope="openid", nonce="n")
    assert home.desk.claims(tokens["id_token"], "home")["nonce"] == "n"
    pool = home.idp.sign_in("pool", "app", "ann", PASSWORDS["ann"], resource="https://api.example.com/mcp")
    assert home.desk.claims(pool["access_token"], "pool")["aud"] == "https://api.example.com/mcp"
    with pytest.raises(RemoteError, match="refused the sign-in of ann with 403") as wrong:
        home.idp.sign_in("home", "app", "ann", "wrong-secret")
    assert "wrong-secret" not in str(wrong.value)
    with pytest.raises(RemoteError, match="invalid_scope"):
        home.idp.sign_in("home", "app", "ann", PASSWORDS["ann"], scope="admin")


ENDPOINTS = st.sampled_from(
    ["token", "revoke", "introspect", "device", "sign-in", "consent", "sign-out", "activate"]
)
NAMES = st.sampled_from(
    [
        "grant_type",
        "code",
        "code_verifier",
        "redirect_uri",
        "refresh_token",
        "device_code",
        "token",
        "scope",
        "resource",
        "request",
        "csrf",
        "page",
        "username",
        "password",
        "decision",
        "user_code",
    ]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "authorize",
        "approve",
    ]
)


@pytest.mark.behaviour("IDP-NEVER-5XX")
@settings(max_examples=scaled(60))
@given(ENDPOINTS, st.dictionaries(NAMES, TEXT, max_size=6), st.booleans())
def test_any_form_is_answered(shared_home: Home, endpoint, form, proves):
    client = "television" if endpoint == "device" else "app"
    proof = {"client_id": client, "client_secret": CLIENTS[client].secret} if proves else {}
    answer = shared_home.http.post(f"{shared_home.issuer()}/oauth2/{endpoint}", data={**form, **proof})
    assert answer.status_code in (200, 303, 400, 401, 403, 413, 429), answer.text
    assert answer.headers["cache-control"] == "no-store"
