"""What strangers can do to a client and to a realm: little, and for a short time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest

from skerry.idp.client_authentication import IN_ALL, PER_SOURCE, UNGUESSABLE, Guesses
from skerry.idp.endpoints.device_endpoint import OFTEN
from skerry.idp.kept.device_codes import MOST_OF_CLIENT, make
from skerry.idp.kept.records import Database, Records
from skerry.idp.oauth_errors import OAuthError
from tests.kit.clock import FakeClock
from tests.kit.idp_people import CLIENTS, HOME, Home, people

LONG = "0123456789abcdef" * 2
STRONG = replace(CLIENTS["machine"], id="strong", secret=LONG)
REBOUND = {"host": "rebound.example"}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def home(clock: FakeClock) -> Iterator[Home]:
    realm = replace(HOME, clients={**CLIENTS, STRONG.id: STRONG}, registration="open")
    with people(realm, clock=clock) as running:
        yield running


def ask(home: Home, client: str, secret: str, **headers: str) -> httpx2.Response:
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    return home.http.post(home.idp.token_endpoint("home"), data=form, headers=headers)


@pytest.mark.behaviour("IDP-STRANGERS-SECRET")
def test_wrong_secrets_of_strangers_never_delay_a_right_one_that_cannot_be_guessed(home: Home):
    assert len(LONG) == UNGUESSABLE
    assert {ask(home, "strong", f"wrong {number}").status_code for number in range(PER_SOURCE)} == {401}
    assert ask(home, "strong", "wrong again" * 5).status_code == 429, "no guess more"
    assert ask(home, "strong", LONG).status_code == 200


@pytest.mark.behaviour("IDP-STRANGERS-SECRET")
def test_a_right_secret_that_could_be_guessed_waits_for_seconds(home: Home, clock: FakeClock):
    for number in range(PER_SOURCE + 5):
        ask(home, "machine", f"wrong {number}")
    answer = ask(home, "machine", CLIENTS["machine"].secret)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "6")
    clock.advance(6)
    assert ask(home, "machine", CLIENTS["machine"].secret).status_code == 200


@pytest.mark.behaviour("IDP-STRANGERS-SECRET")
def test_what_a_page_of_another_site_tries_is_not_held_against_programs(home: Home):
    for number in range(PER_SOURCE):
        assert ask(home, "machine", f"wrong {number}", origin="https://evil.example").status_code == 401
    assert ask(home, "machine", "wrong", origin="https://evil.example").status_code == 429
    assert ask(home, "machine", CLIENTS["machine"].secret).status_code == 200


@pytest.mark.behaviour("IDP-STRANGERS-SECRET")
def test_a_guesser_from_everywhere_has_one_limit_for_a_client(clock: FakeClock):
    guesses = Guesses(clock.monotonic)
    for number in range(IN_ALL):
        assert guesses.wait("machine", f"10.0.0.{number}") == 0
        guesses.failed("machine", f"10.0.0.{number}")
    assert guesses.wait("machine", "10.0.1.1") == 60 / IN_ALL
    assert guesses.wait("another", "10.0.0.1") == 0


@pytest.mark.behaviour("IDP-STRANGERS-EXISTENCE")
def test_failures_do_not_tell_which_clients_exist(home: Home):
    for number in range(PER_SOURCE + 2):
        assert ask(home, f"made-up-{number}", "x").status_code == 401

    def tried(client: str) -> list[tuple[int, str, str | None]]:
        answers = [ask(home, client, f"wrong {number}") for number in range(PER_SOURCE + 2)]
        return [(item.status_code, item.text, item.headers.get("retry-after")) for item in answers]

    known, unknown = tried("machine"), tried("nobody")
    assert known == unknown
    assert [status for status, *_ in known] == [401] * PER_SOURCE + [429] * 2


@pytest.mark.behaviour("IDP-STRANGERS-DEVICE")
def test_one_source_gets_codes_at_a_pace_and_another_is_not_delayed(home: Home, clock: FakeClock):
    def started(**headers: str) -> httpx2.Response:
        form = {"client_id": "television", "client_secret": CLIENTS["television"].secret}
        return home.http.post(home.idp.endpoint("home", "device"), data=form, headers=headers)

    assert [started().status_code for _ in range(OFTEN)] == [200] * OFTEN
    answer = started()
    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "60"
    assert started(origin="https://app.example").status_code == 200
    clock.advance(60)
    assert started().status_code == 200


@pytest.mark.behaviour("IDP-STRANGERS-DEVICE")
async def test_one_client_does_not_take_the_codes_of_all():
    records = Records(Database(None, clock=FakeClock().time), "home")
    for _ in range(MOST_OF_CLIENT):
        await make(records, "television", (), ())
    with pytest.raises(OAuthError, match="Too many devices wait"):
        await make(records, "television", (), ())
    assert await make(records, "radio", (), ())
    records.database.close()


@pytest.mark.behaviour("IDP-STRANGERS-HOST")
def test_a_name_that_was_pointed_at_this_machine_gets_nothing(home: Home):
    metadata = {"client_name": "x", "redirect_uris": ["http://127.0.0.1/cb"]}
    register = home.idp.endpoint("home", "register")
    for host in ("rebound.example", f"rebound.example:{httpx2.URL(home.idp.url).port}", "127.0.0.1.example"):
        answer = home.http.post(register, json=metadata, headers={"host": host})
        assert answer.status_code == 421
        assert "access-control-allow-origin" not in answer.headers
    for place in (home.idp.url, home.idp.discovery_url("home"), home.idp.endpoint("home", "keys")):
        assert home.http.get(place, headers=REBOUND).status_code == 421
    for name in ("token", "revoke", "introspect", "device", "userinfo"):
        answer = home.http.post(home.idp.endpoint("home", name), data={"client_id": "x"}, headers=REBOUND)
        assert answer.status_code == 421, name


@pytest.mark.behaviour("IDP-STRANGERS-HOST")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "[::1]:80", "host.docker.internal:1"])
def test_the_names_of_this_machine_are_served(home: Home, host: str):
    assert home.http.get(home.idp.discovery_url("home"), headers={"host": host}).status_code == 200
