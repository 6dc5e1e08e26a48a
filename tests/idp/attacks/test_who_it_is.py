"""Who a token is about: one `sub` is one person, whoever asserts it, exchanges it or has it as a client id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from skerry.errors import ConfigurationError
from skerry.idp import TOKEN_EXCHANGE, Client, Realm, TrustedIssuer, User, parse
from skerry.idp.id_jag import ID_JAG, ID_TOKEN
from skerry.idp.realm.checks import check_client, check_user
from skerry.idp.realms import CLIENT_CREDENTIALS, JWT_BEARER
from tests.kit.clock import FakeClock
from tests.kit.idp import Desk
from tests.kit.idp import desk as running_desk
from tests.kit.idp_people import ANN, APP, CLIENTS, HOME, Home, people

ACCESS = "urn:ietf:params:oauth:token-type:access_token"
AGENT = Client(id="agent", secret="s", grants=(TOKEN_EXCHANGE,), id_jag_audiences={"tools": "agent"})


def corporation(name: str, *users: User) -> Realm:
    return Realm(name=name, clients={"agent": AGENT}, users={user.name: user for user in users})


class Firms:
    """Two issuers that `tools` trusts: only `corpa` speaks of its people, and of Ann and Eve alone."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def subject(self, firm: str, subject: str) -> str:
        answer = self.asserted(firm, subject)
        assert answer.status_code == 200, answer.text
        return str(self.desk.claims(answer.json()["access_token"], "tools")["sub"])

    def asserted(self, firm: str, subject: str) -> httpx2.Response:
        told = self.desk.idp.id_token(firm, "agent", subject=subject, username=subject)
        form = {"subject_token": told, "subject_token_type": ID_TOKEN, "requested_token_type": ID_JAG}
        audience = self.desk.idp.issuers["tools"]
        assertion = self.desk.post(
            "agent", realm=firm, secret="s", grant_type=TOKEN_EXCHANGE, audience=audience, **form
        ).json()["access_token"]
        return self.desk.post("agent", realm="tools", secret="s", grant_type=JWT_BEARER, assertion=assertion)


@pytest.fixture(scope="module")
def firms() -> Iterator[Firms]:
    agent = Client(id="agent", secret="s", grants=(JWT_BEARER,), scopes=("use",), audiences=("t",))
    tools = Realm(
        name="tools",
        clients={"agent": agent},
        users={"ann": ANN, "eve": User(id="eve-here", name="eve", enabled=False)},
        trusted_issuers={
            "corpa": TrustedIssuer(subjects={"ann-1": "ann", "eve-1": "eve", "gone-1": "gone"}),
            "corpb": TrustedIssuer(),
        },
    )
    same = [User(id=name, name=name) for name in ("ann-1", "eve-1", "gone-1", "carl-1", ANN.id)]
    with running_desk(
        corporation("corpa", *same), corporation("corpb", *same), tools, clock=FakeClock()
    ) as desk:
        yield Firms(desk)


@pytest.mark.behaviour("IDP-ID-JAG-PEOPLE")
def test_only_an_issuer_that_the_realm_names_for_it_speaks_of_a_person_here(firms: Firms):
    assert firms.subject("corpa", "ann-1") == ANN.id
    assert firms.subject("corpa", ANN.id) != ANN.id
    assert firms.subject("corpb", ANN.id) != ANN.id
    assert firms.subject("corpb", "ann-1") != ANN.id


@pytest.mark.behaviour("IDP-ID-JAG-PEOPLE")
def test_a_stranger_is_always_the_same_and_never_another_issuers(firms: Firms):
    assert firms.subject("corpa", "carl-1") == firms.subject("corpa", "carl-1")
    found = {firms.subject(firm, name) for firm in ("corpa", "corpb") for name in ("carl-1", ANN.id)}
    assert len(found) == 4
    assert not found & {"carl-1", ANN.id}


@pytest.mark.behaviour("IDP-ID-JAG-PEOPLE")
@pytest.mark.parametrize("subject", ["eve-1", "gone-1"])
def test_a_person_who_is_disabled_or_unknown_here_gets_nothing(firms: Firms, subject: str):
    answer = firms.asserted("corpa", subject)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.behaviour("IDP-ID-JAG-PEOPLE")
def test_the_file_names_issuers_in_a_list_or_people_in_a_table():
    def read(trusted: object) -> Any:
        realms = parse({"realms": {"tools": {"trusted_issuers": trusted}, "corpa": {}}})
        return realms[0].trusted_issuers

    assert read(["corpa"]) == {"corpa": TrustedIssuer()}
    assert read({"corpa": {}}) == {"corpa": TrustedIssuer()}
    found = read({"corpa": {"subjects": {"1": "ann"}}, "https://idp.example": {}})
    assert found == {"corpa": TrustedIssuer(subjects={"1": "ann"}), "https://idp.example": TrustedIssuer()}
    for wrong in ("corpa", {"corpa": {"people": True}}, {"corpa": {"subjects": {"1": 1}}}, {"unknown": {}}):
        with pytest.raises(ConfigurationError, match="trusted_issuers"):
            read(wrong)


def exchanged(home: Home, token: str, realm: str) -> str:
    answer = home.post(
        "token",
        "gateway",
        realm=realm,
        grant_type=TOKEN_EXCHANGE,
        subject_token=token,
        subject_token_type=ACCESS,
        audience="accounts",
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


GATEWAY = replace(
    CLIENTS["gateway"],
    grants=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE),
    own_audiences=("desk-gateway",),
    may_exchange=("accounts",),
)


@pytest.mark.behaviour("IDP-TX-OKTA")
def test_an_exchange_in_an_okta_realm_keeps_name_id_groups_and_time_of_the_person():
    clock = FakeClock()
    okta = Realm(name="okta", dialect="okta", clients={"app": APP, "gateway": GATEWAY}, users={"ann": ANN})
    with people(okta, clock=clock) as home:
        token = home.tokens(realm="okta", scope="openid desk/use")["access_token"]
        clock.advance(60)
        before = home.desk.claims(token, "okta")
        after = home.desk.claims(exchanged(home, token, "okta"), "okta")
        again = {"sub", "uid", "groups", "scp", "auth_time", "plan"}
        assert {name: after[name] for name in again} == {name: before[name] for name in again}
        assert (after["sub"], after["uid"], after["groups"]) == ("ann", ANN.id, ["operators"])
        assert "preferred_username" not in after


@pytest.mark.behaviour("IDP-USERINFO-SIGN-IN")
def test_what_a_backend_got_in_exchange_tells_it_nothing_of_the_person():
    with people(replace(HOME, clients={**CLIENTS, "gateway": GATEWAY})) as home:
        token = home.tokens(scope="openid email desk/use")["access_token"]
        assert home.userinfo(token).status_code == 200
        answer = home.userinfo(exchanged(home, token, "home"))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


@pytest.mark.behaviour("IDP-USERINFO-SIGN-IN")
def test_a_machine_is_nobody_even_with_the_id_of_a_person():
    """Such a client cannot be declared; a registration of an older day may have the id."""
    named = replace(CLIENTS["machine"], id=ANN.id, scopes=("openid", "email"))
    with people(replace(HOME, clients=CLIENTS)) as home:
        token = home.idp.access_token("home", "machine", subject=ANN.id, scopes=named.scopes)
        assert home.userinfo(token).status_code == 401


@pytest.mark.behaviour("IDP-ONE-SUB")
def test_two_people_or_a_person_and_a_client_with_one_id_are_refused():
    two = {"ann": {"id": "x", "password_digest": "-"}, "bob": {"id": "x", "password_digest": "-"}}
    with pytest.raises(ConfigurationError, match=r"users\.ann\] id: it is that of bob"):
        parse({"realms": {"a": {"users": two}}})
    client = {"x": {"secret": "s"}}
    with pytest.raises(ConfigurationError, match=r"users\.ann\] id: it is the id of a client"):
        parse({"realms": {"a": {"users": {"ann": two["ann"]}, "clients": client}}})
    with pytest.raises(ConfigurationError, match="the id is that of a person"):
        check_client(replace(CLIENTS["machine"], id=ANN.id), HOME)
    with pytest.raises(ConfigurationError, match="is that of ann"):
        check_user(User(id=ANN.id, name="new"), HOME)


WIDE = replace(APP, audiences=("https://gw.example.com/*",))


@pytest.mark.behaviour("IDP-RESOURCE-PATTERN")
def test_a_pattern_of_the_configuration_is_no_resource_to_ask_for():
    realm = replace(HOME, clients={**CLIENTS, "app": WIDE})
    with people(realm) as home:
        for resource in ("https://gw.example.com/*", "https://GW.example.com/*"):
            back = home.browser().open(home.url(resource=resource)).back
            assert back["error"] == "invalid_target"
        tokens = home.tokens(resource="https://gw.example.com/a")
        assert home.desk.claims(tokens["access_token"], "home")["aud"] == "https://gw.example.com/a"
        other = home.refresh(tokens["refresh_token"], resource="https://gw.example.com/*")
        assert other.json()["error"] == "invalid_target"
