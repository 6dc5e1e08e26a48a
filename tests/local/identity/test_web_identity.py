"""Clients and actors that prove themselves by the IAM identity of who asks: AWS_IAM_ID_TOKEN_JWT."""

from __future__ import annotations

import json

import httpx2
import pytest
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import KeySet

from skerry.errors import access_denied
from skerry.local.identity.settings import IdentitySettings
from skerry.local.identity.vault_file import VaultFile
from skerry.local.identity.web_identity import WebIdentities
from skerry.local.ports.permissions import Unrestricted
from skerry.local.state.sealing import Sealer
from tests.kit.authorization_server import Browser, authorization_server
from tests.kit.clock import FakeClock
from tests.kit.identity_stack import RETURN_URL, identity_stack
from tests.kit.idp import desk
from tests.kit.local_endpoint import ACCOUNT, REGION

METHOD = "AWS_IAM_ID_TOKEN_JWT"


class Guarded(Unrestricted):
    """Implements `ports.Permissions`: who may have web identity tokens is `allowed`; what was asked is kept."""

    def __init__(self):
        self.allowed = True
        self.asked = []

    async def check(self, caller, asks, notes):
        for ask in asks:
            if ask.action == "sts:GetWebIdentityToken":
                self.asked.append((caller.arn, ask))
                if not self.allowed:
                    raise access_denied("no sts:GetWebIdentityToken")


@pytest.fixture(scope="module")
def permissions():
    return Guarded()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, permissions):
    folder = tmp_path_factory.mktemp("identity")
    with identity_stack(folder, permissions=permissions, federates=True) as running:
        yield running


@pytest.fixture
def server():
    with authorization_server(methods=("private_key_jwt",)) as running:
        yield running


@pytest.fixture(autouse=True)
def permitted(permissions):
    permissions.allowed = True


def provider(stack, server, **members):
    return stack.provider(server, clientAuthenticationMethod=METHOD, **members)


def keys(stack):
    """What an authorization server that trusts the stack's issuer reads there."""
    issuer = f"{stack.url}/identities/web-identity/{ACCOUNT}"
    found = httpx2.get(f"{issuer}/.well-known/openid-configuration").json()
    assert found["issuer"] == issuer
    return issuer, KeySet.import_key_set(httpx2.get(found["jwks_uri"]).json())


@pytest.mark.behaviour("ID-WEB-IDENTITY")
def test_a_client_without_id_and_secret_is_who_asks(stack, server, permissions):
    machine = stack.data.get_workload_access_token(workloadName=stack.workload())["workloadAccessToken"]
    name = provider(stack, server, clientId="", clientSecret="")
    assert stack.token(machine, name, "M2M")["accessToken"].startswith("access-")
    (form,) = server.forms
    assert "client_id" not in form
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    issuer, published = keys(stack)
    claims = jwt.decode(form["client_assertion"][0], published, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"]) == (issuer, f"{server.issuer}/token")
    assert claims["sub"] == permissions.asked[-1][0]
    assert claims["exp"] - claims["iat"] == 300
    assert claims["https://sts.amazonaws.com/"] == {"aws_account": ACCOUNT, "source_region": REGION}
    ask = permissions.asked[-1][1]
    assert (ask.resource, ask.context["sts:identitytokenaudience"]) == ("*", (f"{server.issuer}/token",))


@pytest.mark.behaviour("ID-WEB-IDENTITY")
def test_without_the_permission_nothing_is_sent(stack, server, permissions):
    machine = stack.data.get_workload_access_token(workloadName=stack.workload())["workloadAccessToken"]
    name = provider(stack, server)
    stack.token(machine, name, "M2M")
    permissions.allowed = False
    for scopes in (["files.read"], ["other"]):  # not even what is kept
        with pytest.raises(ClientError, match="sts:GetWebIdentityToken"):
            stack.token(machine, name, "M2M", scopes=scopes)
    assert len(server.forms) == 1


@pytest.mark.behaviour("ID-WEB-IDENTITY-SWITCH")
def test_nothing_is_sent_while_the_accounts_issuer_is_off(server, tmp_path):
    with identity_stack(tmp_path) as stack:
        machine = stack.data.get_workload_access_token(workloadName=stack.workload())["workloadAccessToken"]
        name = provider(stack, server)
        with pytest.raises(ClientError, match="federation is disabled for this account") as caught:
            stack.token(machine, name, "M2M")
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
        assert server.forms == []


@pytest.mark.behaviour("ID-WEB-IDENTITY")
def test_a_person_is_asked_by_a_client_that_has_an_id(stack, server):
    desk_name = stack.workload(RETURN_URL)
    ann = stack.for_user(desk_name)
    with pytest.raises(ClientError, match="needs a clientId"):
        stack.token(ann, provider(stack, server, clientId=""))
    name = provider(stack, server)
    asked = stack.token(ann, name)
    browser = Browser()
    browser.consent(asked["authorizationUrl"])
    browser.close()
    stack.data.complete_resource_token_auth(sessionUri=asked["sessionUri"], userIdentifier={"userId": "ann"})
    assert "accessToken" in stack.token(ann, name)
    assert server.forms[0]["client_id"] == ["the-client"]
    assert "client_secret" not in server.forms[0]
    _, published = keys(stack)
    jwt.decode(server.forms[0]["client_assertion"][0], published, algorithms=["RS256"])


@pytest.mark.behaviour("ID-WEB-IDENTITY")
def test_an_actor_is_who_asks(stack):
    exchange = {
        "grantType": "TOKEN_EXCHANGE",
        "tokenExchangeGrantTypeConfig": {"actorTokenContent": METHOD},
    }
    with desk() as idp, authorization_server() as server:
        token = idp.token(audience="desk-gateway")
        made = stack.data.get_workload_access_token_for_jwt(workloadName=stack.workload(), userToken=token)
        name = stack.provider(server, onBehalfOfTokenExchangeConfig=exchange)
        stack.token(made["workloadAccessToken"], name, "ON_BEHALF_OF_TOKEN_EXCHANGE")
        (form,) = server.forms
        assert form["subject_token"] == [token]
        assert form["actor_token_type"] == ["urn:ietf:params:oauth:token-type:jwt"]
        issuer, published = keys(stack)
        assert jwt.decode(form["actor_token"][0], published).claims["iss"] == issuer


@pytest.mark.behaviour("ID-WEB-IDENTITY")
def test_the_issuer_keeps_its_key_and_has_nothing_else_to_say(tmp_path):
    with identity_stack(tmp_path) as stack:
        path = f"/identities/web-identity/{ACCOUNT}/.well-known/"
        first = httpx2.get(f"{stack.url}{path}jwks.json").json()
        assert "d" not in first["keys"][0]
        assert httpx2.get(f"{stack.url}{path}other").status_code == 404
        other = path.replace(ACCOUNT, "210987654321")
        assert httpx2.get(f"{stack.url}{other}jwks.json").status_code == 404
    with identity_stack(tmp_path) as stack:
        assert httpx2.get(f"{stack.url}{path}jwks.json").json() == first
        assert first["keys"][0]["n"].encode() not in (tmp_path / "vault.sqlite").read_bytes()


@pytest.mark.behaviour("IAM-OUTBOUND-FEDERATION")
async def test_the_keys_of_the_issuer_and_that_it_is_on_are_kept(tmp_path):
    settings = IdentitySettings(
        file=tmp_path / "vault.sqlite", endpoint="http://127.0.0.1:1", region=REGION, account=ACCOUNT
    )
    path = f"/identities/web-identity/{ACCOUNT}/.well-known/jwks.json"
    published = []
    for on in (False, True):
        file = VaultFile(settings.file, Sealer.of(tmp_path))
        await file.start()
        issuer = WebIdentities(file, FakeClock(), settings, Unrestricted())
        assert issuer.enabled is on
        await issuer.enable(on=True)
        published.append((await issuer.answer(path)).body)
        await file.close()
    assert published[0] == published[1]
    assert [key["alg"] for key in json.loads(published[0])["keys"]] == ["RS256", "ES384"]
