"""`[realms.NAME]`: the provider's own keys, checked by it, and what the stack adds."""

from dataclasses import fields
from typing import Any

import pytest

from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ConfigurationError
from skerry.idp.realm.configuration import parse as as_provider
from skerry.idp.realms import Client, Realm
from skerry.stack.declared import realms
from skerry.stack.declared.declaration import parse

KEY = Credentials("AKIAEXAMPLE", "a secret key")
VALUES = {
    "endpoint": "http://127.0.0.1:4700",
    "region": "us-east-1",
    "secrets": {"x": "made-x"},
    "realms": {},
}

FULL: dict[str, Any] = {
    "dialect": "cognito",
    "lifetime": 90,
    "resource_servers": {"orders": {"scopes": ["read"]}},
    "group_roles": {"ops": "arn:aws:iam::1:role/ops"},
    "trigger": {"function": "claims", "version": "V2_0"},
    "clients": {
        "app": {"scopes": ["orders/read"], "redirect_uris": ["${endpoint}/callback"], "name": "App"},
        "given": {"secret": "${secrets.x}"},
        "cli": {"token_endpoint_auth_method": "none", "application_type": "native"},
    },
    "users": {
        "ann": {"groups": ["ops"], "claims": {"email": "ann@example.com"}},
        "bob": {"password": "his own"},
    },
}
FUNCTIONS = {"functions": {"claims": {"path": ".", "handler": "claims.handler"}}}


def declared(tmp_path, table: dict[str, Any]) -> dict[str, realms.Realm]:
    data = {"realms": {"pool": table}, **FUNCTIONS}
    return dict(parse(data, file=tmp_path / "skerry.toml").realms)


def settings(found: dict[str, realms.Realm]) -> dict[str, Any]:
    return realms.settings(found, VALUES, secret=lambda name: f"made for {name}", developer=KEY)


@pytest.mark.behaviour("STK-REALMS-PASSED-THROUGH")
def test_everything_that_is_declared_reaches_the_provider(tmp_path):
    made = settings(declared(tmp_path, FULL))
    table = made["realms"]["pool"]
    assert table["clients"]["app"]["secret"] == "made for realms/pool/app"
    assert table["clients"]["app"]["redirect_uris"] == ["http://127.0.0.1:4700/callback"]
    assert table["clients"]["given"]["secret"] == "made-x"
    assert "secret" not in table["clients"]["cli"]
    assert table["users"]["ann"]["password"] == "made for realms/pool/users/ann"
    assert table["users"]["bob"]["password"] == "his own"
    (realm,) = as_provider(made)
    assert realm.trigger is not None
    assert realm.trigger.cloud is not None
    assert realm.trigger.cloud.endpoint == VALUES["endpoint"]
    assert realm.trigger.cloud.secret_access_key == KEY.secret_access_key
    assert (realm.lifetime, realm.users["ann"].groups) == (90, ("ops",))
    assert realm.clients["cli"].is_public


def test_lambda_is_told_to_the_provider_only_for_a_trigger(tmp_path):
    assert "aws" not in settings(declared(tmp_path, {"clients": {"app": {}}}))


@pytest.mark.behaviour("STK-REALMS-PUBLISHED")
def test_what_is_published_has_every_default_and_no_digest(tmp_path):
    told = realms.published(settings(declared(tmp_path, FULL)), tmp_path / "skerry.toml")["pool"]
    app = told["clients"]["app"]
    assert (app["secret"], app["grants"], app["audiences"]) == (
        "made for realms/pool/app",
        ["client_credentials"],
        [],
    )
    assert set(app) == {item.name for item in fields(Client)} - {"id", "source", "secret_digest"}
    assert told["clients"]["cli"]["secret"] == ""
    assert told["users"]["bob"]["password"] == "his own"
    assert told["users"]["ann"]["groups"] == ["ops"]
    assert "digest" not in str(told)


def test_references_are_checked_as_what_they_will_be(tmp_path):
    """A URL where a URL will be, a word anywhere else; what they are is known when the stack runs."""
    table = {
        "clients": {"app": {"redirect_uris": ["${endpoint}/a", "${services.x.url}/b"], "name": "${region}"}}
    }
    app = declared(tmp_path, table)["pool"].clients["app"]
    assert app.redirect_uris == ("http://127.0.0.1:1/a", "http://127.0.0.1:1/b")
    assert app.name == "later"


@pytest.mark.behaviour("STK-REALMS-PASSED-THROUGH")
@pytest.mark.parametrize("key", sorted({item.name for item in fields(Realm)} - {"name"}))
def test_no_key_of_the_provider_is_unknown_to_the_stack(tmp_path, key):
    """A key that the provider learns is one of skerry.toml at once: only its value is wrong here."""
    with pytest.raises(ConfigurationError) as caught:
        declared(tmp_path, {"clients": {"app": {}}, key: object()})
    assert "is no key of this table" not in str(caught.value)
    assert key in str(caught.value)


@pytest.mark.behaviour("STK-REALMS-PASSED-THROUGH")
@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"dialekt": "oauth"}, "[realms.pool] dialekt: is no key of this table"),
        ({"clients": {"app": {"scoeps": []}}}, "[realms.pool.clients.app] scoeps: is no key of this table"),
        ({"dialect": "saml"}, "'saml' is not one of: oauth, cognito, okta, entra"),
        ({"lifetime": 4}, "lifetime: must be 5 to 86400"),
        ({"tenant": "x"}, "tenant: belongs to Entra"),
        ({"trigger": {"function": "claims"}}, "trigger: belongs to Cognito"),
        (
            {"dialect": "cognito", "trigger": {"function": "nowhere"}},
            "the function 'nowhere', which is not declared",
        ),
        (
            {"dialect": "cognito", "trigger": {"function": "claims", "version": "V4_0"}},
            "not one of: V1_0, V2_0, V3_0",
        ),
        ({"users": {"ann": {"password": "a", "password_digest": "b"}}}, "stands beside password_digest"),
        ({"users": {"ann": {"claims": {"sub": "x"}}}}, "sub: this claim belongs to the protocol"),
        ({"clients": {"app": "text"}}, "[realms.pool.clients.app]: must be a table"),
        ({"discovery": "some"}, "discovery: 'some' is not one of: all, openid"),
    ],
)
def test_a_mistake_is_named_by_file_table_and_key(tmp_path, table, said):
    with pytest.raises(ConfigurationError) as caught:
        declared(tmp_path, {"clients": {"app": {}}, **table})
    assert said in str(caught.value)
    assert "skerry.toml" in str(caught.value)


def test_a_realm_that_is_no_table(tmp_path):
    with pytest.raises(ConfigurationError, match="which must be a table"):
        parse({"realms": {"pool": 1}}, file=tmp_path / "skerry.toml")


def test_a_reference_to_what_is_not_there_yet_is_named(tmp_path):
    found = declared(tmp_path, {"clients": {"app": {"redirect_uris": ["${gateways.x.url}/callback"]}}})
    with pytest.raises(ConfigurationError, match="there is no 'gateways'"):
        settings(found)
