"""The agent as a web service beside the running desk: a caller's token, all the way to the accounts database."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator

import httpx2
import pytest

from tests.journeys.running import Running
from tests.kit.agent_service import Service, program, refused

pytestmark = pytest.mark.xdist_group("desk")


@pytest.fixture(scope="module")
def service(desk: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with the agent's own client, called with a token of the client `chat`."""
    stack = json.loads((desk.state / "stack.json").read_text())
    realm = stack["realms"]["desk"]
    where = {
        **desk.environment(),
        "SKERRY_SERVICE_AUTH": "token",
        "SKERRY_SERVICE_ISSUER": realm["issuer"],
        "SKERRY_SERVICE_AUDIENCE": "desk-runtime",
        "SKERRY_GATEWAY_URL": stack["gateways"]["desk-jwt"]["url"],
        "SKERRY_GATEWAY_AUDIENCE": "desk-gateway",
        "SKERRY_DISCOVERY_URL": realm["discovery_url"],
        "SKERRY_CLIENT_ID": "agent",
        "SKERRY_CLIENT_SECRET": realm["clients"]["agent"]["secret"],
    }
    with program(tmp_path_factory.mktemp("service"), **where) as (running, _):
        form = {
            "grant_type": "client_credentials",
            "client_id": "chat",
            "client_secret": realm["clients"]["chat"]["secret"],
            "audience": "desk-runtime",
        }
        token = httpx2.post(realm["token_endpoint"], data=form).json()["access_token"]
        yield Service(running.url, {"Authorization": f"Bearer {token}"})


def test_a_question_is_answered_and_a_change_needs_a_yes(service: Service):
    address = f"{uuid.uuid4().hex[:8]}@example.com"
    assert "@" in service.chat(prompt="What is the email for account 67890?")["text"]
    asked = service.chat(prompt=f"Change the email for account 67890 to {address}")
    (interrupt,) = asked["interrupts"]
    assert interrupt["arguments"] == {"account_id": "67890", "new_email": address}
    body = {"conversation_id": asked["conversation_id"], "approved": True}
    assert address in service.post(f"/api/approvals/{interrupt['id']}", body).json()["text"]
    again = service.chat(prompt="What is the email for account 67890?")
    assert address in again["text"]
    titles = [item["title"] for item in service.get("/api/conversations").json()["conversations"]]
    assert f"Change the email for account 67890 to {address}" in titles


def test_the_callers_token_is_exchanged_on_every_hop(service: Service, desk: Running):
    since = time.time()
    service.chat(prompt="What is the email for account 12345?")
    hops = desk.hops(since=since)
    (call,) = [hop for hop in hops if hop["part"] == "gateway" and hop["operation"] == "tools/call"]
    assert call["auth"] == "jwt"
    assert call["identity"].startswith("chat@")
    (api,) = [hop for hop in hops if hop["part"] == "accounts-api"]
    assert api["detail"]["act"] == "accounts < gateway < agent"


def test_nobody_is_nobody(service: Service):
    assert refused(httpx2.get(f"{service.url}/api/conversations")) == (401, "UNAUTHORIZED")
