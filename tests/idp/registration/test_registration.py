"""POST at the registration endpoint: who may, what comes back, and what is kept of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client.auth.utils import create_client_registration_request, handle_registration_response
from mcp.shared.auth import OAuthClientMetadata, OAuthMetadata
from pydantic import AnyUrl

from skerry.idp.limits import SourceLimit
from tests.kit.clock import FakeClock
from tests.kit.idp import DESK, Desk
from tests.kit.idp import desk as running_desk

CALLBACK = "http://127.0.0.1:8080/cb"
METADATA = {"client_name": "An app", "redirect_uris": [CALLBACK]}
OPEN = replace(DESK, registration="open", resources=("desk-gateway", "accounts", "accounts-api", "desk-runtime",
    "https://api.example.com/mcp", "https://api.example.com/backend"))  # fmt: skip


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with running_desk(OPEN) as running:
        yield running


def place(desk: Desk) -> str:
    return str(desk.http.get(desk.idp.discovery_url("desk")).json()["registration_endpoint"])


def register(desk: Desk, body: Any = METADATA, **headers: str) -> httpx2.Response:
    return desk.http.post(place(desk), json=body, headers=headers)


@pytest.mark.behaviour("IDP-DCR")
def test_a_client_registers_and_is_shown_its_secrets_once(desk: Desk):
    answer = register(desk)
    assert answer.status_code == 201
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    found = answer.json()
    issued_at = found.pop("client_id_issued_at")
    assert issued_at > 1_700_000_000
    client_id, token = found.pop("client_id"), found.pop("registration_access_token")
    secret = found.pop("client_secret")
    assert len(token) >= 43
    assert len(secret) >= 43
    assert found == {
        "client_name": "An app",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "application_type": "native",
        "scope": "desk/use desk/change",
        "client_secret_expires_at": issued_at + 86_400,
        "registration_client_uri": f"{place(desk)}/{client_id}",
    }


@pytest.mark.behaviour("IDP-DCR")
def test_a_public_client_gets_no_secret(desk: Desk):
    found = register(desk, {**METADATA, "token_endpoint_auth_method": "none"}).json()
    assert "client_secret" not in found
    assert "client_secret_expires_at" not in found


@pytest.mark.behaviour("IDP-DCR")
def test_every_registration_is_another_client(desk: Desk):
    assert len({register(desk).json()["client_id"] for _ in range(3)}) == 3


@pytest.mark.behaviour("IDP-DCR")
async def test_the_mcp_sdk_registers(desk: Desk):
    metadata = OAuthMetadata.model_validate_json(desk.http.get(desk.idp.discovery_url("desk")).content)
    client = OAuthClientMetadata(
        client_name="An app",
        redirect_uris=[AnyUrl("http://localhost:3030/callback")],
        scope="desk/use",
        token_endpoint_auth_method="none",
    )
    request = create_client_registration_request(metadata, client, desk.idp.issuers["desk"])
    found = await handle_registration_response(desk.http.send(request))
    assert found.client_id
    assert found.client_secret is None
    assert [str(uri) for uri in found.redirect_uris or ()] == ["http://localhost:3030/callback"]
    assert found.grant_types == ["authorization_code", "refresh_token"]
    assert found.scope == "desk/use"


@pytest.mark.behaviour("IDP-DCR-AUTH")
def test_a_registered_client_proves_itself_by_its_method_alone(desk: Desk):
    found = register(desk, {**METADATA, "token_endpoint_auth_method": "client_secret_post"}).json()
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    credentials = {"client_id": found["client_id"], "client_secret": found["client_secret"]}
    url = desk.idp.token_endpoint("desk")
    right = desk.http.post(url, data={**form, **credentials})
    assert right.json()["error"] in {"unauthorized_client", "unsupported_grant_type", "invalid_grant"}
    basic = desk.http.post(url, data=form, auth=(found["client_id"], found["client_secret"]))
    assert basic.json()["error"] == "invalid_client"
    nothing = desk.http.post(url, data={**form, "client_id": found["client_id"]})
    assert (nothing.status_code, nothing.json()["error"]) == (401, "invalid_client")
    wrong = desk.http.post(url, data={**form, **credentials, "client_secret": "wrong"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")


@pytest.mark.behaviour("IDP-DCR-GRANTS")
def test_a_registered_client_gets_no_token_of_its_own(desk: Desk):
    found = register(desk, {**METADATA, "grant_types": ["authorization_code", "client_credentials"]}).json()
    assert found["grant_types"] == ["authorization_code"]
    answer = desk.http.post(
        desk.idp.token_endpoint("desk"),
        data={"grant_type": "client_credentials"},
        auth=(found["client_id"], found["client_secret"]),
    )
    assert answer.json()["error"] == "unauthorized_client"


@pytest.mark.behaviour("IDP-DCR-REFUSED")
@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"redirect_uris": ["http://app.example/cb"]}, "invalid_redirect_uri"),
        ({"application_type": "web"}, "invalid_redirect_uri"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"software_statement": "a.b.c"}, "unapproved_software_statement"),
        ({"jwks_uri": "http://127.0.0.1/jwks"}, "invalid_client_metadata"),
        ({"jwks_uri": "https://user@app.example/jwks"}, "invalid_client_metadata"),
    ],
)
def test_a_refusal_is_400_with_the_code_of_the_rfc(desk: Desk, members, error):
    answer = register(desk, {**METADATA, **members})
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.behaviour("IDP-DCR-REFUSED")
def test_what_is_no_json_object_or_too_large_is_refused(desk: Desk):
    url = place(desk)
    json_type = {"content-type": "application/json"}
    for body in (b"", b"[]", b"{", b"redirect_uris=x", b'{"a":1,"a":1}', b"[" * 5000):
        answer = desk.http.post(url, content=body, headers=json_type)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert desk.http.post(url, content=b" " * 16_385, headers=json_type).status_code == 413
    assert desk.http.post(url, data={"client_name": "x"}).status_code == 400
    assert desk.http.post(f"{url}?x=1", json=METADATA).json()["error"] == "invalid_request"
    assert desk.http.get(url).status_code == 405


@pytest.mark.behaviour("IDP-DCR-OFF")
def test_registration_is_off_unless_a_realm_says_so():
    with running_desk(DESK) as desk:
        assert "registration_endpoint" not in desk.http.get(desk.idp.discovery_url("desk")).json()
        assert desk.http.post(f"{desk.idp.issuers['desk']}/oauth2/register", json=METADATA).status_code == 404


@pytest.mark.behaviour("IDP-DCR-TOKEN")
def test_a_realm_may_ask_for_an_initial_access_token():
    clock = FakeClock()
    with running_desk(replace(OPEN, registration="token"), clock=clock) as desk:
        missing = register(desk)
        assert (missing.status_code, missing.headers["www-authenticate"]) == (401, "Bearer")
        for value in ("Bearer wrong", "Bearer", "Basic eDp5", "Bearer a b"):
            answer = register(desk, authorization=value)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        token = desk.idp.initial_access_token("desk", expires=clock.time() + 60)
        good = register(desk, authorization=f"Bearer {token}")
        assert good.status_code == 201
        own = good.json()["registration_access_token"]
        assert register(desk, authorization=f"Bearer {own}").status_code == 401, "it is for managing only"
        clock.advance(60)
        assert register(desk, authorization=f"Bearer {token}").status_code == 401


@pytest.mark.behaviour("IDP-DCR-LIMIT")
def test_one_source_registers_sixty_times_a_minute():
    clock = FakeClock()
    with running_desk(OPEN, clock=clock) as desk:
        assert {register(desk).status_code for _ in range(60)} == {201}
        answer = register(desk)
        assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "60"
        clock.advance(60)
        assert register(desk).status_code == 201


def test_sources_are_counted_apart_and_the_memory_of_them_is_bounded():
    clock = FakeClock()
    limit = SourceLimit(clock=clock.monotonic, limit=1)
    assert limit.wait("a") == 0
    assert limit.wait("a") == 60
    assert limit.wait("b") == 0
    clock.advance(59)
    assert limit.wait("a") == 1
    for number in range(2000):
        limit.wait(f"other-{number}")
    assert limit.wait("a") == 0, "forgotten: there were 1024 others since"


@pytest.mark.behaviour("IDP-DCR-SECRETS")
def test_no_secret_is_kept_or_logged(tmp_path: Path, caplog):
    with caplog.at_level(logging.DEBUG), running_desk(OPEN, state=tmp_path) as desk:
        found = register(desk).json()
        management = {"authorization": f"Bearer {found['registration_access_token']}"}
        desk.http.get(found["registration_client_uri"], headers=management)
        desk.http.get(found["registration_client_uri"], headers={"authorization": "Bearer another-secret"})
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("skerry"))
    for secret in (found["client_secret"], found["registration_access_token"], "another-secret"):
        assert secret.encode() not in written
        assert secret not in ours
    hops = [
        json.loads(line.partition(" ")[2]) for line in ours.splitlines() if line.startswith("skerry-hop ")
    ]
    assert [hop["operation"] for hop in hops] == ["register", "registration-get", "registration-get"]


def test_a_registration_outlives_a_restart(tmp_path: Path):
    with running_desk(OPEN, state=tmp_path) as desk:
        found = register(desk).json()
    with running_desk(OPEN, state=tmp_path) as desk:
        answer = desk.http.get(
            f"{place(desk)}/{found['client_id']}",
            headers={"authorization": f"Bearer {found['registration_access_token']}"},
        )
        assert answer.json()["client_name"] == "An app"


@pytest.mark.behaviour("IDP-DCR-BOUNDS")
async def test_what_a_realm_takes_back_a_registered_client_loses(tmp_path: Path):
    with running_desk(OPEN, state=tmp_path) as desk:
        client_id = register(desk).json()["client_id"]
    from skerry.idp.provider import make_provider

    narrower = replace(OPEN, clients={}, scopes=("desk/use",), resources=("desk-gateway",))
    provider = make_provider([narrower], base_url="http://127.0.0.1:1", state=tmp_path)
    client = await provider.issuers["desk"].directory.client(client_id)
    assert client is not None
    assert (client.scopes, client.audiences) == (("desk/use",), ("desk-gateway",))
    provider.close()
