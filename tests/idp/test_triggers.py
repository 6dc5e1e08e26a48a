"""Cognito's pre token generation trigger: real functions behind a real Invoke."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from skerry.auth.http.transport import Transport
from skerry.auth.jwt.authorizer import JwtAuthorizer
from skerry.auth.jwt.keys import Keys
from skerry.errors import TokenError
from skerry.idp import AUTHORIZATION_CODE, Client, Realm
from skerry.idp.oauth_errors import OAuthError
from skerry.idp.triggers.declared import Cloud, Trigger
from skerry.local.functions import FunctionSettings, FunctionsPlane, FunctionsSettings
from skerry.wire.hop import decode
from tests.kit.idp import CHAT, IDLE, SECRETS, Desk
from tests.kit.idp import desk as running_desk
from tests.kit.plane import ACCOUNT, REGION, Ports, Running, running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="awslambdaric is not there for Windows")

HANDLERS = Path(__file__).parent / "trigger_handlers"
POOL_ID = "us-east-1_pool"
ADMIN_ROLE, OPS_ROLE = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("admin", "ops"))
PERSON: dict[str, Any] = {
    "subject": "person-1",
    "username": "ann",
    "id_token": True,
    "identity": {"email": "ann@example.com", "email_verified": True},
    "groups": ("ops", "admins"),
    "grant_type": AUTHORIZATION_CODE,
}
FULL = {
    "claimsAndScopeOverrideDetails": {
        "idTokenGeneration": {
            "claimsToAddOrOverride": {"plan": {"seats": 3}, "email": "changed@example.com"},
            "claimsToSuppress": ["email_verified"],
        },
        "accessTokenGeneration": {
            "claimsToAddOrOverride": {"tenant_id": "acme", "roles": ["a", "b"]},
            "scopesToAdd": ["orders/read"],
            "scopesToSuppress": ["desk/change"],
        },
        "groupOverrideDetails": {"groupsToOverride": ["new"], "preferredRole": OPS_ROLE},
    }
}


def _function(handler: str, **more: Any) -> FunctionSettings:
    return FunctionSettings(path=HANDLERS, handler=f"claims.{handler}", **more)


FUNCTIONS = {
    **{name: _function(name) for name in ("proposed", "tells", "hangs", "refuses", "nonsense")},
    "proposed-that-runs": _function("proposed_that_runs"),
    "full": _function("answers", environment={"RESPONSE": json.dumps(FULL)}),
}


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    state = tmp_path_factory.mktemp("functions")

    def plane(ports: Ports) -> FunctionsPlane:
        settings = FunctionsSettings(
            state=state,
            region=REGION,
            account=ACCOUNT,
            functions=FUNCTIONS,
            warm=0,
            endpoint="http://127.0.0.1:9",
        )
        return FunctionsPlane(access=ports.access, recorder=ports.hops, clock=ports.clock, settings=settings)

    with running(plane) as found:
        yield found


@dataclass
class Pools:
    """Pools whose triggers call the functions plane."""

    cloud: Cloud

    def running(self, function: str, version: str = "V2_0", **trigger: Any):
        declared = Trigger(function=function, version=version, cloud=self.cloud, **trigger)  # type: ignore[arg-type]
        realm = Realm(
            name="pool",
            dialect="cognito",
            clients={"chat": CHAT, "idle": IDLE},
            group_roles={"admins": ADMIN_ROLE, "ops": OPS_ROLE},
            trigger=declared,
        )
        return running_desk(realm)


@pytest.fixture(scope="module")
def pools(functions: Running) -> Pools:
    key = functions.ports.developer
    return Pools(
        Cloud(
            endpoint=functions.url,
            region=REGION,
            access_key_id=key.access_key_id,
            secret_access_key=key.secret_access_key,
        )
    )


def signed_in(pool: Desk, client: str = "chat", **changes: Any) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The claims of a person's access and ID token, and the notes of the trigger."""
    issued = pool.idp.issue("pool", client, **{**PERSON, **changes})
    access, identity = (pool.claims(token, "pool") for token in (issued.access_token, issued.id_token))
    return access, identity, " ".join(issued.notes)


@pytest.mark.behaviour("TRG-V2")
def test_v2_changes_both_tokens_of_a_person(pools: Pools):
    with pools.running("full", "V2_0") as pool:
        access, identity, notes = signed_in(pool)
    assert (identity["plan"], identity["email"]) == ({"seats": 3}, "changed@example.com")
    assert "email_verified" not in identity
    assert (access["tenant_id"], access["roles"]) == ("acme", ["a", "b"])
    assert access["scope"] == "desk/use orders/read"
    assert access["plan"] == CHAT.claims["plan"]
    assert access["cognito:groups"] == identity["cognito:groups"] == ["new"]
    assert identity["cognito:preferred_role"] == OPS_ROLE
    assert "cognito:roles" not in identity
    assert notes == ""


@pytest.mark.behaviour("TRG-V3")
def test_machines_are_v3s_alone_and_their_scopes_are_told_in_the_answer(pools: Pools):
    with pools.running("full", "V2_0") as pool:
        assert "roles" not in pool.claims(pool.token("chat", realm="pool"), "pool")
    with pools.running("full", "V3_0") as pool:
        answer = pool.post("chat", realm="pool", grant_type="client_credentials").json()
        claims = pool.claims(answer["access_token"], "pool")
    assert (claims["tenant_id"], claims["roles"]) == ("acme", ["a", "b"])
    assert claims["scope"] == answer["scope"] == "desk/use orders/read"


@pytest.mark.behaviour("TRG-EVENT")
def test_the_event_of_a_persons_sign_in(pools: Pools):
    with pools.running("tells", "V2_0") as pool:
        access, _, _ = signed_in(pool)
    assert access["told"] == {
        "version": "2",
        "triggerSource": "TokenGeneration_HostedAuth",
        "region": "us-east-1",
        "userPoolId": POOL_ID,
        "userName": "ann",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "chat"},
        "request": {
            "userAttributes": {
                "sub": "person-1",
                "cognito:user_status": "CONFIRMED",
                "email": "ann@example.com",
                "email_verified": "true",
            },
            "groupConfiguration": {
                "groupsToOverride": ["ops", "admins"],
                "iamRolesToOverride": [ADMIN_ROLE, OPS_ROLE],
                "preferredRole": ADMIN_ROLE,
            },
            "scopes": ["desk/use", "desk/change"],
        },
    }


@pytest.mark.behaviour("TRG-EVENT")
@pytest.mark.parametrize(
    ("grant", "source"),
    [("refresh_token", "TokenGeneration_RefreshTokens"), ("", "TokenGeneration_Authentication")],
)
def test_the_source_says_by_which_grant(pools: Pools, grant, source):
    with pools.running("tells", "V2_0") as pool:
        access, _, _ = signed_in(pool, grant_type=grant)
    assert access["told"]["triggerSource"] == source


@pytest.mark.behaviour("TRG-METADATA")
def test_a_machine_can_tell_the_function_something(pools: Pools):
    told = {"tenant": "acme"}
    with pools.running("tells", "V3_0") as pool:
        token = pool.token("chat", realm="pool", aws_client_metadata=json.dumps(told))
        event = pool.claims(token, "pool")["told"]
        assert (event["version"], event["triggerSource"]) == ("3", "TokenGeneration_ClientCredentials")
        assert event["request"] == {"scopes": ["desk/use", "desk/change"], "clientMetadata": told}
        for wrong in ("{", '["a"]', '{"a": 1}', "[" * 3000):
            answer = pool.post(
                "chat", realm="pool", grant_type="client_credentials", aws_client_metadata=wrong
            )
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.behaviour("TRG-FAILS-CLOSED")
@pytest.mark.parametrize(
    ("function", "kind"),
    [
        ("refuses", "ValueError"),
        ("hangs", "timeout"),
        ("nonsense", "malformed"),
        ("not-declared", "not found"),
    ],
)
def test_no_token_is_made_when_the_function_does_not_work(pools: Pools, caplog, function, kind):
    with pools.running(function, "V3_0", timeout=1 if function == "hangs" else 20) as pool:
        answer = pool.post("chat", realm="pool", grant_type="client_credentials")
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": f"PreTokenGeneration failed with error {kind}.",
    }
    assert function in caplog.text
    assert "not welcome" not in answer.text  # what the function said is for its author
    assert ("ann is not welcome" in caplog.text) is (function == "refuses")
    assert SECRETS["chat"] not in caplog.text


@pytest.mark.behaviour("TRG-FAILS-CLOSED")
def test_no_token_is_made_when_nothing_answers_or_the_key_is_wrong(pools: Pools, caplog):
    wrong = replace(pools.cloud, secret_access_key="the wrong one")
    for cloud, kind in (
        (replace(pools.cloud, endpoint="http://127.0.0.1:9"), "unreachable"),
        (wrong, "refused"),
    ):
        with Pools(cloud).running("full", "V3_0") as pool:
            answer = pool.post("chat", realm="pool", grant_type="client_credentials")
        assert answer.status_code == 400
        assert kind in answer.json()["error_description"]
    assert pools.cloud.secret_access_key not in caplog.text
    assert "the wrong one" not in caplog.text


# --- the function that is passed around, and its five mistakes --------------------------------------


@pytest.mark.behaviour("TRG-WRONG-5")
def test_mistake_5_it_does_not_even_run(pools: Pools, caplog):
    """`userPoolId` is a member of the event, not of its request: KeyError, and the sign-in fails."""
    failed = pytest.raises(OAuthError, match="PreTokenGeneration failed with error KeyError")
    with pools.running("proposed", "V1_0") as pool, failed:
        signed_in(pool)
    assert "It is event['userPoolId'], not a member of event['request']." in caplog.text


@pytest.mark.behaviour("TRG-WRONG-5")
def test_mistake_5_is_told_in_the_hop(pools: Pools, caplog):
    with caplog.at_level("INFO", "skerry.hop"), pools.running("proposed", "V3_0") as pool:
        assert pool.post("chat", realm="pool", grant_type="client_credentials").status_code == 400
    (hop,) = [hop for record in caplog.records if (hop := decode(record.getMessage()))]
    assert "event['userPoolId']" in hop.detail["trigger"]
    assert hop.detail["error"] == "invalid_request"


@pytest.mark.behaviour("TRG-WRONG-1")
@pytest.mark.behaviour("TRG-WRONG-2")
@pytest.mark.behaviour("TRG-WRONG-3")
@pytest.mark.behaviour("TRG-WRONG-4")
def test_mistakes_1_to_4_are_explained_where_its_author_looks(pools: Pools, caplog):
    with pools.running("proposed-that-runs", "V1_0") as pool:
        access, identity, notes = signed_in(pool)
        usual, _, _ = signed_in(pool, client="idle")
    # 1: client_id can be neither added nor changed
    assert "client_id" not in identity
    assert "client_id: no version of the trigger adds or changes it; dropped from the ID token" in notes
    assert 'AWS, "Claims and scopes reference"; docs/idp.md, "Triggers"' in notes
    # 2: V1_0 does not reach the access token
    assert identity["tenant_id"] == "acme"
    assert access["tenant_id"] == CHAT.claims["tenant_id"]
    assert "V1_0 changes the ID token only; the access token stays as it is." in notes
    assert "tenant_id" not in usual
    # 3: the value is the pool's id, which is no app client's
    assert access["client_id"] == "chat" != POOL_ID
    assert "with the pool's id in allowedClients every app client of the pool would pass" in notes
    # 4: an ID token is no credential for an API, and the access token needs no help
    assert "Send the access token: it names its app client in client_id." in notes
    for sentence in notes.split(". "):
        assert sentence.strip(". ") in caplog.text


async def _passes(pool: Desk, token: str, **rules: Any) -> bool:
    url = pool.idp.discovery_url("pool")
    async with httpx2.AsyncClient(trust_env=False) as http:
        import time

        keys = Keys(url, fetch=Transport(http).fetch, clock=time)
        try:
            await JwtAuthorizer({"discoveryUrl": url, **rules}, keys).authorize(f"Bearer {token}")
        except TokenError:
            return False
    return True


@pytest.mark.behaviour("TRG-LOCKED-SWITCH")
@pytest.mark.behaviour("TRG-WRONG-3")
@pytest.mark.behaviour("TRG-WRONG-4")
def test_the_other_reading_shows_what_the_recipe_costs(pools: Pools):
    """With locked claims applied it 'works', for every app client of the pool, and with ID tokens."""
    import asyncio

    with pools.running("proposed-that-runs", "V1_0", locked_claims="apply") as pool:
        tokens = {name: pool.idp.issue("pool", name, **PERSON) for name in ("chat", "idle")}

        def passes(token: str, *clients: str) -> bool:
            return asyncio.run(_passes(pool, token, allowedClients=list(clients)))

        for issued in tokens.values():  # the check that was to bind the client is gone
            assert passes(issued.id_token, POOL_ID)
            assert not passes(issued.access_token, POOL_ID)
        # what was right all along: the access token, and the app client's id
        assert passes(tokens["chat"].access_token, "chat")
        assert not passes(tokens["idle"].access_token, "chat")
        assert "written into the ID token because locked_claims is 'apply'" in " ".join(tokens["chat"].notes)
    with pools.running("proposed-that-runs", "V1_0") as pool:
        issued = pool.idp.issue("pool", "chat", **PERSON)
        assert not passes(issued.id_token, POOL_ID)
        assert not passes(issued.id_token, "chat")


@pytest.mark.behaviour("COG-GROUPS")
def test_groups_and_roles_are_in_the_tokens_of_a_person():
    client = Client(id="chat", secret=SECRETS["chat"])
    realm = Realm(
        name="pool",
        dialect="cognito",
        clients={"chat": client},
        group_roles={"admins": ADMIN_ROLE, "ops": OPS_ROLE, "others": "arn:aws:iam::1:role/x"},
    )
    with running_desk(realm) as pool:
        access, identity, _ = signed_in(pool, family="f-1", nonce="n-1")
        again, _, _ = signed_in(pool, family="f-1", groups=())
    assert access["cognito:groups"] == identity["cognito:groups"] == ["ops", "admins"]
    assert identity["cognito:roles"] == [ADMIN_ROLE, OPS_ROLE]
    assert identity["cognito:preferred_role"] == ADMIN_ROLE
    assert not {"cognito:roles", "cognito:preferred_role", "nonce"} & set(access)
    assert (identity["nonce"], identity["email"]) == ("n-1", "ann@example.com")
    assert access["origin_jti"] == identity["origin_jti"] == again["origin_jti"]
    assert access["jti"] != again["jti"]
    assert not {"cognito:groups"} & set(again)


@pytest.mark.behaviour("COG-RESOURCE-SERVERS")
def test_scopes_of_a_resource_server_have_its_name_before_them():
    client = Client(id="chat", secret=SECRETS["chat"], scopes=("orders/read", "openid"))
    realm = Realm(
        name="pool",
        dialect="cognito",
        clients={"chat": client},
        resource_servers={"orders": ("read", "write"), "https://pay.example/api": ("charge",)},
    )
    with running_desk(realm) as pool:
        assert (
            pool.claims(pool.token("chat", realm="pool", scope="orders/read"), "pool")["scope"]
            == "orders/read"
        )
        found = pool.http.get(pool.idp.discovery_url("pool")).json()["scopes_supported"]
        assert found[:3] == ["orders/read", "orders/write", "https://pay.example/api/charge"]
        assert "aws.cognito.signin.user.admin" in found
        answer = pool.post("chat", realm="pool", grant_type="client_credentials", scope="orders/write")
        assert answer.json()["error"] == "invalid_scope"
