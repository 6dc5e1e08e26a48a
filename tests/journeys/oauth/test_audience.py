"""Whose URL a token is for: that of the gateway which the client was told, and of no other."""

from __future__ import annotations

import re

import httpx2
import pytest

from skerry.idp import Client
from skerry.idp.visitor import Person, sign_in
from tests.kit.gateway_stack import post
from tests.kit.guarded_gateway import PASSWORD, PERSON, REALMS, TOOL, System

pytestmark = [pytest.mark.xdist_group("oauth"), pytest.mark.timeout(120)]
CALLBACK = "http://127.0.0.1:9/callback"


@pytest.mark.behaviour("OAUTH-CLIENTS-AUDIENCE")
@pytest.mark.parametrize("gateway", REALMS)
@pytest.mark.parametrize("spelling", ["", "/", "?tab=1"])
def test_the_metadata_is_for_the_gateways_url_however_a_client_spells_it(
    system: System, gateway: str, spelling: str
):
    url = system.gateways[gateway]
    refused = post(url + spelling, "tools/list")
    assert refused.status_code == 401
    place = re.search(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
    assert place is not None
    found = httpx2.get(place[1], trust_env=False).json()
    assert found["resource"] == url
    assert found["authorization_servers"] == [system.issuers[REALMS[gateway]]]


@pytest.mark.behaviour("OAUTH-CLIENTS-AUDIENCE")
def test_a_token_is_for_the_gateway_that_it_was_asked_for_and_no_other(system: System):
    for_tools, for_scoped = (token(system, resource=system.gateways[name]) for name in ("tools", "scoped"))
    assert called(system, "tools", for_tools) == (200, "hi")
    assert called(system, "scoped", for_scoped) == (200, "hi")
    assert called(system, "tools", for_scoped) == (403, "Claim 'aud' value mismatch")
    assert called(system, "scoped", for_tools) == (403, "Claim 'aud' value mismatch")


@pytest.mark.behaviour("OAUTH-CLIENTS-AUDIENCE")
def test_a_client_that_names_no_resource_gets_the_first_of_the_realm(system: System):
    assert called(system, "tools", token(system)) == (200, "hi")


def token(system: System, **asked: str) -> str:
    """An access token of ann for a client that has just registered itself."""
    issuer = system.issuers["home"]
    described = {"client_name": "A client", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
    answer = httpx2.post(f"{issuer}/oauth2/register", json=described, trust_env=False)
    assert answer.status_code == 201, answer.text
    client = Client(id=answer.json()["client_id"], redirect_uris=(CALLBACK,))
    places = (f"{issuer}/oauth2/authorize", f"{issuer}/oauth2/token")
    return str(sign_in(*places, client, Person(PERSON, PASSWORD), asked)["access_token"])


def called(system: System, gateway: str, bearer: str) -> tuple[int, str]:
    """The status of a call and what it says: the tool's answer, or the refusal without what follows the claim."""
    params = {"name": TOOL, "arguments": {"text": "hi"}}
    headers = {"authorization": f"Bearer {bearer}"}
    answer = post(system.gateways[gateway], "tools/call", params, headers=headers)
    body = answer.json()
    if "error" in body:
        return answer.status_code, " ".join(body["error"]["message"].split()[:4])
    return answer.status_code, str(body["result"]["content"][0]["text"])
