"""Registrations that nobody used end by themselves, and never keep others out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from skerry.errors import ConfigurationError
from skerry.idp import Client, Realm
from skerry.idp.kept.granted import GRANTED
from skerry.idp.kept.records import Database, Records
from skerry.idp.realm.configuration import parse
from skerry.idp.realm.directory import CLIENT_KIND, Directory
from tests.kit.clock import FakeClock
from tests.kit.idp_people import CALLBACK, HOME, VERIFIER, Home, people

DAY = 86_400
OPEN = replace(
    HOME, registration="open", resources=("desk-gateway", "https://api.example.com/mcp", "accounts")
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def home(clock: FakeClock) -> Iterator[Home]:
    with people(OPEN, clock=clock) as running:
        yield running


def register(home: Home, **members: Any) -> dict[str, Any]:
    body = {"redirect_uris": [CALLBACK], "scope": "openid desk/use", **members}
    answer = home.http.post(home.idp.endpoint("home", "register"), json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def management(home: Home, made: dict[str, Any], method: str = "GET", **members: Any) -> Any:
    headers = {"authorization": f"Bearer {made['registration_access_token']}"}
    body = (
        {"client_id": made["client_id"], "redirect_uris": [CALLBACK], **members} if method == "PUT" else None
    )
    return home.http.request(method, made["registration_client_uri"], headers=headers, json=body)


def use(home: Home, made: dict[str, Any]) -> None:
    """A person signs in through the client."""
    form = {
        "grant_type": "authorization_code",
        "code": home.browser().code(client=made["client_id"]),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    proof = (made["client_id"], made["client_secret"])
    answer = home.http.post(home.idp.endpoint("home", "token"), data=form, auth=proof)
    assert answer.status_code == 200, answer.text


@pytest.mark.behaviour("IDP-DCR-UNUSED")
def test_a_registration_that_nobody_used_is_gone_after_a_day(home: Home, clock: FakeClock):
    made, used = register(home), register(home)
    assert made["client_secret_expires_at"] == int(clock.time()) + DAY
    use(home, used)
    clock.advance(DAY - 1)
    assert management(home, made).status_code == 200
    clock.advance(1)
    assert management(home, made).status_code == 401
    assert "No client with this client_id" in home.browser().open(home.url(made["client_id"])).text
    assert management(home, used).status_code == 200
    use(home, used)


@pytest.mark.behaviour("IDP-DCR-UNUSED")
def test_a_try_that_comes_to_nothing_is_no_use(home: Home, clock: FakeClock):
    made = register(home)
    assert home.browser().code(client=made["client_id"])
    proof = (made["client_id"], made["client_secret"])
    form = {
        "grant_type": "authorization_code",
        "code": "x",
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    assert home.http.post(home.idp.endpoint("home", "token"), data=form, auth=proof).status_code == 400
    clock.advance(DAY)
    assert management(home, made).status_code == 401


@pytest.mark.behaviour("IDP-DCR-UNUSED")
def test_to_replace_the_metadata_neither_prolongs_a_registration_nor_ends_it(home: Home, clock: FakeClock):
    unused, used = register(home), register(home)
    use(home, used)
    ends = unused["client_secret_expires_at"]
    clock.advance(DAY - 1)
    replaced = management(home, unused, "PUT", client_secret=unused["client_secret"]).json()
    assert replaced["client_secret_expires_at"] == ends
    stays = management(home, used, "PUT", client_secret=used["client_secret"]).json()
    assert stays["client_secret_expires_at"] == 0
    clock.advance(1)
    assert management(home, unused).status_code == 401
    assert management(home, used).status_code == 200


def registered(name: str, issued_at: int = 0) -> Client:
    return Client(
        id=name,
        secret="s",
        source="registered",
        registration={"token": "t", "issued_at": issued_at, "metadata": {}},
    )


@pytest.mark.behaviour("IDP-DCR-LIMIT")
async def test_a_full_realm_gives_up_what_is_not_in_use():
    """First the unused one that would end first, then the oldest without a grant; in use is in use."""
    database = Database(None, clock=lambda: 100.0)
    records = Records(database, "desk")
    directory = Directory(Realm(name="desk", clients={}), records)
    assert await directory.make_room(1)
    await directory.keep_client(Client(id="added", secret="s"))
    await directory.keep_client(registered("granted", 1))
    await records.put(GRANTED, "family", {"client_id": "granted"}, family="family")
    await directory.keep_client(registered("idle", 3))
    await directory.keep_client(registered("idle-longer", 2))
    await directory.keep_client(registered("unused"), expires=300.0)
    await directory.keep_client(registered("unused-sooner"), expires=200.0)
    left = [name for name, _ in await records.all(CLIENT_KIND)]
    for gone in ("unused-sooner", "unused", "idle-longer", "idle"):
        assert await directory.make_room(len(left))
        left.remove(gone)
        assert [name for name, _ in await records.all(CLIENT_KIND)] == left
    assert left == ["added", "granted"]
    assert not await directory.make_room(2)
    database.close()


@pytest.mark.behaviour("IDP-DCR-LIMIT")
async def test_one_that_has_ended_and_is_not_swept_yet_makes_no_room(clock: FakeClock):
    database = Database(None, clock=clock.time)
    records = Records(database, "desk")
    directory = Directory(Realm(name="desk", clients={}), records)
    await directory.keep_client(registered("ended"), expires=clock.time() + 1)
    await directory.keep_client(registered("live"), expires=clock.time() + 100)
    clock.advance(2)
    assert await directory.make_room(1)
    assert await records.count(CLIENT_KIND) == 0
    database.close()


async def test_a_registration_of_another_realm_makes_no_room_here():
    database = Database(None, clock=lambda: 100.0)
    here = Directory(Realm(name="here", clients={}), Records(database, "here"))
    there = Directory(Realm(name="there", clients={}), Records(database, "there"))
    await there.keep_client(registered("theirs"), expires=200.0)
    await here.keep_client(registered("ours"), expires=300.0)
    assert await here.make_room(1)
    assert await there.client("theirs") is not None
    assert await here.client("ours") is None
    database.close()


@pytest.mark.behaviour("IDP-DCR-UNUSED")
@pytest.mark.parametrize("seconds", [59, -1, 10**12])
def test_a_person_must_have_the_time_to_sign_in(seconds):
    with pytest.raises(ConfigurationError, match="registration_lifetime"):
        parse({"realms": {"desk": {"registration_lifetime": seconds}}})
