"""Realms of skerry.toml at work: a trigger that is a function of the stack, and one clock for all tokens."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest

from skerry.auth.jwt.tokens import unverified_claims
from tests.journeys.running import Running, up

FUNCTION = """
def handler(event, context):
    event["response"] = {
        "claimsAndScopeOverrideDetails": {
            "accessTokenGeneration": {
                "claimsToAddOrOverride": {"tenant_id": event["request"]["clientMetadata"]["tenant"]},
                "scopesToAdd": ["orders/read"],
            }
        }
    }
    return event
"""
AGENT = """
from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()

@app.entrypoint
def answer(payload):
    return payload

app.run()
"""
FILE = """
[realms.desk]
lifetime = 600
clients.cli = { token_endpoint_auth_method = "none", application_type = "native" }
clients.chat = { scopes = ["desk/use"], audiences = ["desk-gateway"], claims = { tenant_id = "acme" } }
clients.direct = { scopes = ["desk/use"], audiences = ["${endpoint}/runtimes/*"] }
users.ann = { groups = ["ops"] }

[realms.pool]
dialect = "cognito"
trigger = { function = "claims", version = "V3_0", timeout = 30 }
clients.app = { scopes = ["orders/read"] }

[realms.okta]
dialect = "okta"
clients.app = { scopes = ["read"] }

[functions.claims]
path = "functions"
handler = "claims.handler"

[services.accounts-api]
command = ["python", "-m", "skerry.servers.accounts.api"]

[services.accounts-api.environment]
ACCOUNTS_DATABASE = "${state}/accounts.sqlite"
ACCOUNTS_ISSUER = "${realms.desk.issuer}"
ACCOUNTS_AUDIENCE = "desk-gateway"

[runtimes.echo]
path = "agent"
authorizer = { realm = "desk", audience = ["desk-gateway"] }

[runtimes.own]
path = "agent"
authorizer = { realm = "desk", audience = ["${url}"] }

[gateways.tools]
authorizer = { realm = "desk", audience = ["desk-gateway"] }

[gateways.okta]
authorizer = { realm = "okta", audience = ["api://default"] }
"""
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("identity")
    (folder / "functions").mkdir()
    (folder / "functions" / "claims.py").write_text(FUNCTION)
    (folder / "skerry.toml").write_text(FILE)
    (folder / "agent").mkdir()
    (folder / "agent" / "main.py").write_text(AGENT)
    with up(folder) as running:
        yield running


def published(stack: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((stack.state / "stack.json").read_text())
    return found


def token(stack: Running, realm: str, client: str, **form: str) -> httpx2.Response:
    known = published(stack)["realms"][realm]
    secret = known["clients"][client]["secret"]
    return httpx2.post(
        known["endpoints"]["token"],
        data={"grant_type": "client_credentials", "client_id": client, "client_secret": secret, **form},
        trust_env=False,
        timeout=60,
    )


def listed(stack: Running, gateway: str, bearer: str) -> int:
    """The status of a listing with a token."""
    url = published(stack)["gateways"][gateway]["url"]
    headers = {"authorization": f"Bearer {bearer}", "accept": "application/json, text/event-stream"}
    return httpx2.post(url, json=LIST, headers=headers, trust_env=False).status_code


def taken(stack: Running, bearer: str) -> dict[str, int]:
    """What a gateway, a runtime and a server behind them answer to a token."""
    known, headers = published(stack), {"authorization": f"Bearer {bearer}"}
    runtime, api = known["runtimes"]["echo"]["url"], known["services"]["accounts-api"]["url"]
    with httpx2.Client(trust_env=False, headers=headers, timeout=60) as http:
        return {
            "gateway": listed(stack, "tools", bearer),
            "runtime": http.post(runtime, json={"prompt": "hello"}).status_code,
            "server": http.get(f"{api}/activity").status_code,
        }


ALL, NONE = (dict.fromkeys(("gateway", "runtime", "server"), status) for status in (200, 401))


@pytest.mark.behaviour("STK-TRIGGER")
@pytest.mark.skipif(sys.platform == "win32", reason="awslambdaric is not there for Windows")
def test_a_trigger_is_a_function_of_the_stack(stack: Running):
    answer = token(stack, "pool", "app", aws_client_metadata='{"tenant": "acme"}')
    assert answer.status_code == 200, answer.text
    claims = unverified_claims(answer.json()["access_token"])
    assert (claims["tenant_id"], claims["scope"]) == ("acme", "orders/read")
    failed = token(stack, "pool", "app")  # without clientMetadata the function raises KeyError
    assert failed.status_code == 400
    assert failed.json()["error_description"] == "PreTokenGeneration failed with error KeyError."
    hops = [hop for hop in stack.hops() if "trigger" in hop["detail"]]
    assert "There is no 'clientMetadata' in a TokenGeneration_ClientCredentials event" in str(
        hops[-1]["detail"]
    )


@pytest.mark.behaviour("STK-REALMS-PUBLISHED")
def test_what_is_told_of_realms_and_what_is_not(stack: Running):
    realms = published(stack)["realms"]
    assert realms["okta"]["token_endpoint"] == f"{realms['okta']['issuer']}/v1/token"
    assert realms["pool"]["discovery_url"] == f"{realms['pool']['issuer']}/.well-known/openid-configuration"
    assert "/pool.auth/" in realms["pool"]["token_endpoint"]
    assert realms["desk"]["clients"]["cli"]["secret"] == ""
    password = realms["desk"]["users"]["ann"]["password"]
    assert len(password) > 20
    told = json.dumps(stack.facts["realms"])
    assert password not in told
    assert realms["desk"]["clients"]["chat"]["secret"] not in told
    assert stack.facts["realms"]["desk"]["users"] == ["ann"]
    shown = stack.skerry("idp", "users", "list", "--show-passwords")
    assert password in shown.stdout
    assert password not in stack.skerry("idp", "users", "list", "--json").stdout
    endpoints = json.loads(stack.skerry("idp", "show", "--json").stdout)["realms"]["okta"]["endpoints"]
    assert endpoints["token"] == realms["okta"]["token_endpoint"]


@pytest.mark.behaviour("DIA-AUTHORIZER")
def test_a_gateway_takes_tokens_of_an_okta_realm(stack: Running):
    bearer = stack.skerry("token", "--realm", "okta").stdout.strip()
    assert unverified_claims(bearer)["aud"] == "api://default"
    assert listed(stack, "okta", bearer) == 200
    assert listed(stack, "tools", bearer) != 200


@pytest.mark.behaviour("STACK-OWN-URL-RUNTIME")
def test_a_runtime_takes_tokens_for_its_own_url(stack: Running):
    """The URL that its metadata names and that a client asks for as resource; none for another URL below."""
    url = published(stack)["runtimes"]["own"]["url"]
    place, query = url.split("?")
    metadata = httpx2.get(f"{place}/.well-known/oauth-protected-resource?{query}", trust_env=False).json()
    assert metadata["resource"] == url
    statuses = {}
    for resource in (url, place, published(stack)["runtimes"]["echo"]["url"]):
        bearer = token(stack, "desk", "direct", resource=resource).json()["access_token"]
        assert unverified_claims(bearer)["aud"] == resource
        headers = {"authorization": f"Bearer {bearer}"}
        answer = httpx2.post(url, json={"prompt": "hello"}, headers=headers, trust_env=False, timeout=60)
        statuses[resource] = answer.status_code
    assert list(statuses.values()) == [200, 401, 401]


@pytest.mark.behaviour("CLK-STACK")
def test_tokens_end_at_once_and_signatures_do_not(stack: Running):
    early = stack.skerry("token").stdout.strip()
    assert taken(stack, early) == ALL
    assert stack.skerry("idp", "clock", "--advance", "1h").returncode == 0
    try:
        assert taken(stack, early) == NONE
        late = stack.skerry("token").stdout.strip()
        assert unverified_claims(late)["iat"] - unverified_claims(early)["iat"] >= 3600
        assert taken(stack, late) == ALL
        assert stack.skerry("sessions", "--json").returncode == 0  # signed with the real time
    finally:
        assert stack.skerry("idp", "clock", "--reset").returncode == 0
    assert taken(stack, late) == NONE  # it is from the future now
    assert taken(stack, early) == ALL


SMALL = """
[realms.desk]
clients.direct = { audiences = ["${endpoint}/runtimes/*"] }

[runtimes.own]
path = "agent"
authorizer = { realm = "desk", audience = ["${url}"] }
"""


@pytest.mark.behaviour("STACK-OWN-URL-RUNTIME")
def test_a_restart_changes_nothing_of_a_runtime_that_takes_its_own_url(tmp_path: Path):
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "main.py").write_text(AGENT)
    (tmp_path / "skerry.toml").write_text(SMALL)
    seen = []
    for _ in range(2):
        with up(tmp_path, end_within=20.0) as running:
            known = published(running)["runtimes"]["own"]
            bearer = token(running, "desk", "direct", resource=known["url"]).json()["access_token"]
            answer = httpx2.post(
                known["url"],
                json={"prompt": "hello"},
                headers={"authorization": f"Bearer {bearer}"},
                trust_env=False,
                timeout=60,
            )
            assert answer.status_code == 200
            environment = running.environment()
            control = boto3.client(
                "bedrock-agentcore-control",
                endpoint_url=environment["AWS_ENDPOINT_URL"],
                region_name=environment["AWS_REGION"],
                aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            )
            found = control.get_agent_runtime(agentRuntimeId=known["id"])
            checks = found["authorizerConfiguration"]["customJWTAuthorizer"]
            assert checks["allowedAudience"] == [known["url"]]
            seen.append(found["agentRuntimeVersion"])
    assert seen == ["2", "2"], "made, then told its URL; the second start finds it as it should be"
