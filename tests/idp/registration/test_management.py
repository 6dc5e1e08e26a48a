"""A registration read, replaced and deleted, by its own access token and no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from skerry.idp import Client
from skerry.idp.provider import make_provider
from tests.idp.registration.test_registration import METADATA, OPEN, register
from tests.kit.idp import Desk
from tests.kit.idp import desk as running_desk


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with running_desk(OPEN) as running:
        yield running


@pytest.fixture
def client(desk: Desk) -> dict[str, Any]:
    return dict(register(desk).json())


def ask(
    desk: Desk, client: dict[str, Any], method: str = "GET", *, token: str | None = None, **options: Any
) -> httpx2.Response:
    token = client["registration_access_token"] if token is None else token
    headers = {"authorization": f"Bearer {token}".encode("latin-1")} if token else {}
    return desk.http.request(method, client["registration_client_uri"], headers=headers, **options)


def changed(client: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**METADATA, "client_id": client["client_id"], **members}


@pytest.mark.behaviour("IDP-DCR-READ")
def test_a_registration_is_read_without_its_secret(desk: Desk, client):
    answer = ask(desk, client)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    shown = {name: value for name, value in client.items() if not name.startswith("client_secret")}
    assert answer.json() == shown


@pytest.mark.behaviour("IDP-DCR-OWN-TOKEN")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_the_clients_own_token_counts(desk: Desk, client, method):
    other = register(desk).json()
    body = {"json": changed(client)} if method == "PUT" else {}
    wrong = (
        other["registration_access_token"],
        client["client_secret"],
        "x",
        "\u00e9",
    )
    for token in wrong:
        answer = ask(desk, client, method, token=token, **body)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    missing = ask(desk, client, method, token="", **body)
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, "Bearer")
    assert ask(desk, client).json()["client_name"] == "An app"


@pytest.mark.behaviour("IDP-DCR-OWN-TOKEN")
def test_clients_of_the_file_and_unknown_ones_cannot_be_managed(desk: Desk, client):
    answers = []
    for client_id in ("chat", "unknown"):
        place = client["registration_client_uri"].replace(client["client_id"], client_id)
        answers.append(ask(desk, {**client, "registration_client_uri": place}))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1, "nobody learns which ids there are"


@pytest.mark.behaviour("IDP-DCR-REPLACE")
def test_put_replaces_everything_and_keeps_the_secret(desk: Desk, client):
    body = changed(client, client_name="Another", redirect_uris=["https://app.example/cb"], scope="desk/use")
    answer = ask(desk, client, "PUT", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["client_name"], found["scope"], found["application_type"]) == ("Another", "desk/use", "web")
    assert found["redirect_uris"] == ["https://app.example/cb"]
    assert found["client_id_issued_at"] == client["client_id_issued_at"]
    assert "client_secret" not in found
    assert ask(desk, client).json() == found
    again = ask(desk, client, "PUT", json=changed(client, client_secret=client["client_secret"]))
    assert again.json()["client_secret"] == client["client_secret"], "shown to whoever has it"
    assert authenticates(desk, client)


def authenticates(desk: Desk, client: dict[str, Any]) -> bool:
    answer = desk.http.post(
        desk.idp.token_endpoint("desk"),
        data={"grant_type": "client_credentials"},
        auth=(client["client_id"], client["client_secret"]),
    )
    assert answer.json()["error"] in {"unauthorized_client", "invalid_client"}
    return answer.json()["error"] == "unauthorized_client"


@pytest.mark.behaviour("IDP-DCR-REPLACE")
def test_a_change_of_method_drops_or_makes_a_secret(desk: Desk, client):
    public = ask(desk, client, "PUT", json=changed(client, token_endpoint_auth_method="none")).json()
    assert public["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in public
    assert not authenticates(desk, client), "the old secret proves nothing any more"
    back = ask(desk, client, "PUT", json=changed(client)).json()
    assert back["client_secret"] not in ("", client["client_secret"])
    assert authenticates(desk, {**client, **back})


@pytest.mark.behaviour("IDP-DCR-REPLACE")
@pytest.mark.parametrize(
    "members",
    [
        {"client_id": "another"},
        {"client_id": None},
        {"client_secret": "mine"},
        {"client_secret": None},
        {"client_secret": ["x"]},
        {"registration_access_token": "x"},
        {"registration_client_uri": "x"},
        {"client_secret_expires_at": 0},
        {"client_id_issued_at": 1},
        {"redirect_uris": []},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"software_statement": "a.b.c"},
    ],
)
def test_put_sets_only_what_is_the_clients_to_set(desk: Desk, client, members):
    answer = ask(desk, client, "PUT", json=changed(client, client_name="Changed", **members))
    assert answer.status_code == 400
    assert answer.json()["error"] in {
        "invalid_client_metadata",
        "invalid_redirect_uri",
        "unapproved_software_statement",
    }
    assert ask(desk, client).json()["client_name"] == "An app"


@pytest.mark.behaviour("IDP-DCR-DELETE")
def test_a_deleted_client_is_gone_and_its_token_with_it(desk: Desk, client):
    answer = ask(desk, client, "DELETE")
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "PUT", "DELETE"):
        body = {"json": changed(client)} if method == "PUT" else {}
        assert ask(desk, client, method, **body).status_code == 401
    assert not authenticates(desk, client)


@pytest.mark.behaviour("IDP-DCR-DELETE")
async def test_what_a_deleted_client_had_ends_with_it():
    provider = make_provider([OPEN], base_url="http://127.0.0.1:1")
    issuer = provider.issuers["desk"]
    for owner in ("gone", "stays"):
        await issuer.directory.keep_client(Client(id=owner, secret="x"))
        await issuer.records.put("granted", owner, {"client_id": owner}, family=f"sign-in of {owner}")
        await issuer.records.put("refresh", f"token of {owner}", {"n": 1}, family=f"sign-in of {owner}")
        await issuer.records.put("consent", f"consent of {owner}", {"client_id": owner, "user": "ann"})
        await issuer.records.put("other", f"other of {owner}", {"client": owner})
    assert await issuer.directory.drop_client("gone")
    for kind, left in (("granted", 1), ("refresh", 1), ("consent", 1), ("other", 2)):
        assert await issuer.records.count(kind) == left
    assert await issuer.directory.client("stays") is not None
    assert not await issuer.directory.drop_client("gone")
    provider.close()
