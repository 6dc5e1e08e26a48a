"""Token exchange: what a resource server may get for its caller's token, and what not."""

import pytest

from skerry.idp import TOKEN_EXCHANGE, Client
from tests.kit.clock import FakeClock
from tests.kit.idp import CHAT, DESK, GATEWAY, SECRETS, Desk, with_client
from tests.kit.idp import desk as running_desk

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def refused(answer, error: str) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text
    assert "access_token" not in answer.json()
    return True


@pytest.mark.behaviour("IDP-TX-CLAIMS")
def test_an_exchanged_token_is_the_subjects_for_the_backend_with_the_actor_named(desk: Desk):
    subject = desk.token("chat", scope="desk/use")
    answer = desk.exchange("gateway", subject)
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    token = desk.decoded(answer.json()["access_token"])
    before = desk.claims(subject)
    assert token.header["typ"] == "at+jwt"
    assert token.claims == {
        "iss": desk.idp.issuers["desk"],
        "sub": "chat",
        "aud": "accounts",
        "client_id": "gateway",
        "act": {"sub": "gateway"},
        "scope": "desk/use",
        "tenant_id": "acme",
        "plan": {"name": "gold", "seats": 3},
        "iat": token.claims["iat"],
        "exp": token.claims["iat"] + 300,
        "jti": token.claims["jti"],
    }
    assert token.claims["jti"] != before["jti"]


@pytest.mark.behaviour("IDP-TX-ANSWER")
def test_the_answer_names_the_token_type_and_has_no_refresh_token(desk: Desk):
    answer = desk.exchange("gateway", desk.token("chat")).json()
    assert answer.pop("access_token")
    assert answer == {
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "desk/use desk/change",
    }


@pytest.mark.behaviour("IDP-TX-CHAIN")
def test_actors_nest_along_a_chain_and_the_subject_stays(desk: Desk):
    first = desk.exchange("gateway", desk.token("chat")).json()["access_token"]
    second = desk.exchange("accounts", first, audience="accounts-api").json()["access_token"]
    claims = desk.claims(second)
    assert claims["act"] == {"sub": "accounts", "act": {"sub": "gateway"}}
    assert (claims["sub"], claims["aud"], claims["client_id"]) == ("chat", "accounts-api", "accounts")
    assert claims["tenant_id"] == "acme"


@pytest.mark.behaviour("IDP-TX-CHAIN")
def test_a_circle_of_exchanges_comes_to_an_end():
    mirror = Client(
        id="mirror", secret="s", grants=(TOKEN_EXCHANGE,), own_audiences=("mirror",), may_exchange=("mirror",)
    )
    chat = Client(id="chat", secret="s", audiences=("mirror",))
    with running_desk(with_client(with_client(DESK, chat), mirror)) as desk:
        token, rounds = desk.token("chat", client_secret="s"), 0
        while (answer := desk.exchange("mirror", token, secret="s", audience="mirror")).status_code == 200:
            token, rounds = answer.json()["access_token"], rounds + 1
        assert refused(answer, "invalid_request")
        assert rounds == 8


@pytest.mark.behaviour("IDP-TX-LIFETIME")
@pytest.mark.parametrize(("passed", "left"), [(0, 300), (3300, 300), (3301, 299), (3599, 1)])
def test_the_token_lives_no_longer_than_the_subject_token_nor_five_minutes(passed, left):
    clock = FakeClock()
    with running_desk(DESK, clock=clock) as desk:
        subject = desk.token("chat")
        clock.advance(passed)
        answer = desk.exchange("gateway", subject).json()
        assert answer["expires_in"] == left
        claims = desk.claims(answer["access_token"])
        assert claims["exp"] - clock.time() == left
        assert claims["exp"] <= desk.claims(subject)["exp"]


@pytest.mark.behaviour("IDP-TX-SUBJECT-INVALID")
@pytest.mark.parametrize("passed", [3599.5, 3600, 3601, 10**6])
def test_an_expired_subject_token_is_refused(passed):
    clock = FakeClock()
    with running_desk(DESK, clock=clock) as desk:
        subject = desk.token("chat")
        clock.advance(passed)
        assert refused(desk.exchange("gateway", subject), "invalid_request")


@pytest.mark.behaviour("IDP-TX-SCOPE")
def test_scope_narrows_and_never_widens(desk: Desk):
    both = desk.token("chat")
    narrowed = desk.exchange("gateway", both, scope="desk/change").json()
    assert narrowed["scope"] == desk.claims(narrowed["access_token"])["scope"] == "desk/change"
    one = desk.token("chat", scope="desk/use")
    assert refused(desk.exchange("gateway", one, scope="desk/use desk/change"), "invalid_scope")
    assert refused(desk.exchange("gateway", one, scope="desk/change"), "invalid_scope")
    assert refused(desk.exchange("gateway", both, scope="admin"), "invalid_scope")
    again = desk.exchange("accounts", narrowed["access_token"], audience="accounts-api", scope="desk/use")
    assert refused(again, "invalid_scope")


@pytest.mark.behaviour("IDP-TX-SCOPE")
def test_a_subject_token_without_scopes_gives_none(desk: Desk):
    subject = desk.idp.access_token("desk", "chat", scopes=())
    assert "scope" not in desk.exchange("gateway", subject).json()
    assert refused(desk.exchange("gateway", subject, scope="desk/use"), "invalid_scope")


@pytest.mark.behaviour("IDP-TX-TARGET")
@pytest.mark.parametrize(
    "target",
    [
        {"audience": "accounts-api"},
        {"audience": "desk-gateway"},
        {"audience": "unknown"},
        {"audience": "", "resource": "https://elsewhere.example/"},
        {"audience": "", "resource": "accounts"},
        {"audience": "accounts", "resource": "https://api.example.com/backend"},
        {"audience": ["accounts", "unknown"]},
    ],
)
def test_a_backend_that_the_client_may_not_reach_is_an_invalid_target(desk: Desk, target):
    assert refused(desk.exchange("gateway", desk.token("chat"), **target), "invalid_target")


def test_a_backend_can_be_named_as_resource(desk: Desk):
    answer = desk.exchange(
        "gateway", desk.token("chat"), audience="", resource="https://api.example.com/backend"
    )
    assert desk.claims(answer.json()["access_token"])["aud"] == "https://api.example.com/backend"


def test_the_backend_must_be_named(desk: Desk):
    assert refused(desk.exchange("gateway", desk.token("chat"), audience=""), "invalid_request")


@pytest.mark.behaviour("IDP-TX-FOREIGN-AUDIENCE")
def test_a_token_for_somebody_else_cannot_be_exchanged(desk: Desk):
    assert refused(desk.exchange("gateway", desk.token("chat", audience="desk-runtime")), "invalid_request")
    backend = desk.exchange("gateway", desk.token("chat")).json()["access_token"]
    assert refused(desk.exchange("gateway", backend), "invalid_request")
    assert refused(desk.exchange("accounts", desk.token("chat"), audience="accounts-api"), "invalid_request")


def test_one_own_audience_among_several_is_enough(desk: Desk):
    subject = desk.token("chat", audience=["desk-runtime", "desk-gateway"])
    assert desk.claims(desk.exchange("gateway", subject).json()["access_token"])["aud"] == "accounts"


@pytest.mark.behaviour("IDP-TX-MAY-ACT")
def test_may_act_lets_the_named_client_present_the_token():
    def chat_naming(actor: str) -> Client:
        return Client(
            id="chat",
            secret=SECRETS["chat"],
            audiences=("desk-runtime",),
            claims={"may_act": {"sub": actor}, "tenant_id": "acme"},
        )

    with running_desk(with_client(DESK, chat_naming("gateway"))) as desk:
        answer = desk.exchange("gateway", desk.token("chat"))
        claims = desk.claims(answer.json()["access_token"])
        assert (claims["sub"], claims["act"], claims["tenant_id"]) == ("chat", {"sub": "gateway"}, "acme")
        assert "may_act" not in claims, "the permission ends with the exchange"
    with running_desk(with_client(DESK, chat_naming("accounts"))) as desk:
        assert refused(desk.exchange("gateway", desk.token("chat")), "invalid_request")


def _flip(token: str, index: int) -> str:
    other = "A" if token[index] != "A" else "B"
    return token[:index] + other + token[index + 1 :] if index != -1 else token[:-1] + other


@pytest.mark.behaviour("IDP-TX-SUBJECT-INVALID")
def test_a_subject_token_that_does_not_hold_is_an_invalid_request(desk: Desk):
    good = desk.token("chat")
    header, payload, signature = good.split(".")
    other_key = desk.token("chat", realm="pool")
    bad = [
        "not-a-token",
        "a.b.c",
        "..",
        "." + payload + "." + signature,
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{good}.{signature}",
        f"{good}=",
        f" {good}",
        good.replace(".", "..", 1),
        f"{header}.{payload}.{signature[:-2]}",
        f"{header}.{payload}.{'A' * len(signature)}",
        other_key,
        f"{other_key.split('.')[0]}.{payload}.{signature}",
        "eyJhbGciOiJub25lIn0." + payload + ".",
        "eyJhbGciOiJub25lIn0." + payload + ".AA",
        "[" * 3000 + ".a.b",
        "e" * 20_000,
        "é",
        "\x00",
        *(_flip(good, index) for index in (2, len(header) + 5, len(header) + len(payload) + 5, -1)),
    ]
    for token in bad:
        assert refused(desk.exchange("gateway", token), "invalid_request"), token[:40]
    assert desk.exchange("gateway", good).status_code == 200


@pytest.mark.behaviour("IDP-TX-SUBJECT-INVALID")
def test_an_id_token_is_no_subject_token(desk: Desk):
    mine = desk.idp.id_token("desk", "chat", client_id="desk-gateway")
    assert desk.claims(mine)["aud"] == "desk-gateway"
    assert refused(desk.exchange("gateway", mine), "invalid_request")


def test_a_token_of_a_former_run_is_refused(desk: Desk):
    with running_desk(DESK) as other:
        assert refused(desk.exchange("gateway", other.token("chat")), "invalid_request")


def test_a_token_signed_before_a_rotation_can_still_be_exchanged():
    with running_desk(DESK) as desk:
        subject = desk.token("chat")
        desk.idp.rotate_keys("desk")
        assert desk.exchange("gateway", subject).status_code == 200
        desk.idp.rotate_keys("desk")
        assert refused(desk.exchange("gateway", subject), "invalid_request")


@pytest.mark.parametrize(
    "change",
    [
        {"subject_token": ""},
        {"subject_token_type": ""},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"actor_token": "x"},
        {"actor_token_type": ACCESS_TOKEN},
    ],
)
def test_parameters_that_this_exchange_does_not_take(desk: Desk, change):
    form = {"subject_token": desk.token("chat"), **change}
    assert refused(desk.exchange("gateway", form.pop("subject_token"), **form), "invalid_request")


def test_asking_for_an_access_token_by_name_is_fine(desk: Desk):
    answer = desk.exchange("gateway", desk.token("chat"), requested_token_type=ACCESS_TOKEN)
    assert answer.json()["issued_token_type"] == ACCESS_TOKEN


@pytest.mark.behaviour("IDP-TX-COGNITO")
def test_a_cognito_issuer_has_no_exchange(desk: Desk):
    answer = desk.post("chat", realm="pool", grant_type=TOKEN_EXCHANGE, subject_token="x")
    assert refused(answer, "unsupported_grant_type")


def test_the_clients_own_claims_do_not_reach_the_exchanged_token(desk: Desk):
    assert GATEWAY.claims["tenant_id"] != CHAT.claims["tenant_id"]
    assert (
        desk.claims(desk.exchange("gateway", desk.token("chat")).json()["access_token"])["tenant_id"]
        == "acme"
    )


def test_a_persons_token_keeps_its_subject(desk: Desk):
    subject = desk.idp.access_token("desk", "chat", subject="person-7", claims={"tenant_id": "globex"})
    claims = desk.claims(desk.exchange("gateway", subject).json()["access_token"])
    assert (claims["sub"], claims["tenant_id"], claims["client_id"]) == ("person-7", "globex", "gateway")
