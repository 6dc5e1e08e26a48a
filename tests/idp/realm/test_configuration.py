"""Realms from a file: what is read, and what each mistake is called."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ConfigurationError
from skerry.idp import CLIENT_CREDENTIALS, TOKEN_EXCHANGE, Client, Realm, load, parse, run_server_in_thread
from skerry.idp.grants import GRANTS
from skerry.idp.issuance import Issuance
from skerry.idp.provider import make_provider
from skerry.idp.realms import GRANT_TYPES

GOOD: dict[str, Any] = {
    "realms": {
        "desk": {
            "dialect": "oauth",
            "clients": {
                "chat": {
                    "secret": "hidden-1",
                    "scopes": ["desk/use"],
                    "audiences": ["desk-gateway", "desk-runtime"],
                    "claims": {"tenant_id": "acme"},
                },
                "gateway": {
                    "secret": "hidden-2",
                    "grants": ["client_credentials", TOKEN_EXCHANGE],
                    "own_audiences": ["desk-gateway"],
                    "may_exchange": ["accounts"],
                },
            },
        },
        "pool": {"dialect": "cognito", "clients": {"chat": {"secret": "hidden-3"}}},
    }
}

TOML = """
[realms.desk]
lifetime = 600
algorithm = "ES256"

[realms.desk.clients.gateway]
secret = "hidden"
grants = ["client_credentials", "token-exchange"]
claims = { may_act = { sub = "gateway" } }
"""


def changed(path: str, value: object) -> dict[str, Any]:
    """GOOD with one member replaced; `path` is dotted below the realm desk."""
    data = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    table = data["realms"]["desk"]
    for part in parents:
        table = table[part]
    table[last] = value
    return data


def test_a_file_becomes_realms():
    desk, pool = parse(GOOD)
    assert (desk.name, desk.dialect, desk.lifetime, desk.algorithm) == ("desk", "oauth", 3600, "RS256")
    assert desk.clients["chat"] == Client(
        id="chat",
        secret="hidden-1",
        scopes=("desk/use",),
        audiences=("desk-gateway", "desk-runtime"),
        claims={"tenant_id": "acme"},
    )
    assert desk.clients["chat"].grants == (CLIENT_CREDENTIALS,)
    assert desk.all_scopes == ("desk/use",)
    assert desk.all_resources == ("desk-gateway", "desk-runtime", "accounts")
    assert (pool.dialect, list(pool.clients)) == ("cognito", ["chat"])


def test_json_and_toml_files_are_read(tmp_path):
    as_json, as_toml = tmp_path / "realms.json", tmp_path / "realms.toml"
    as_json.write_text(json.dumps(GOOD))
    as_toml.write_text(TOML)
    assert load(as_json) == parse(GOOD)
    (desk,) = load(as_toml)
    assert (desk.lifetime, desk.algorithm) == (600, "ES256")
    assert desk.clients["gateway"].grants == (CLIENT_CREDENTIALS, TOKEN_EXCHANGE)


CLIENT = "[realms.desk.clients.chat]"


@pytest.mark.behaviour("IDP-CONFIGURATION")
@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("dialect", "saml", "[realms.desk] dialect"),
        ("dialect", 1, "[realms.desk] dialect"),
        ("algorithm", "HS256", "[realms.desk] algorithm"),
        ("algorithm", "none", "[realms.desk] algorithm"),
        ("lifetime", 4, "[realms.desk] lifetime"),
        ("lifetime", 86_401, "[realms.desk] lifetime"),
        ("lifetime", "3600", "[realms.desk] lifetime"),
        ("lifetime", True, "[realms.desk] lifetime"),
        ("path", "desk", "[realms.desk] path"),
        ("path", "/desk//", "[realms.desk] path"),
        ("path", "/", "[realms.desk] path"),
        ("path", "/.well-known", "[realms.desk] path"),
        ("path", "/a{b}", "[realms.desk] path"),
        ("path", "/us-east-1_pool", "[realms.pool]"),
        ("path", "/US-east-1_pool", "[realms.pool]"),
        ("scopes", ["other"], f"{CLIENT} scopes"),
        ("scopes", ["a b"], "[realms.desk] scopes"),
        ("resources", ["desk-gateway"], f"{CLIENT} audiences"),
        ("color", "red", "[realms.desk] color"),
        ("clients", [], "[realms.desk] clients"),
        ("clients.chat", "x", CLIENT),
        ("clients.chat.secret", "", f"{CLIENT} secret"),
        ("clients.chat.secret", 12345, f"{CLIENT} secret"),
        ("clients.chat.secret", "hidden\n", f"{CLIENT} secret"),
        ("clients.chat.secret", "hidden \ud800", f"{CLIENT} secret"),
        ("clients.chat.audiences", ["desk gateway"], f"{CLIENT} audiences"),
        ("clients.chat.own_audiences", ["\ud800"], f"{CLIENT} own_audiences"),
        ("clients.chat.scopes", "desk/use", f"{CLIENT} scopes"),
        ("clients.chat.scopes", ["desk use"], f"{CLIENT} scopes"),
        ("clients.chat.scopes", [""], f"{CLIENT} scopes"),
        ("clients.chat.grants", ["password"], f"{CLIENT} grants"),
        ("clients.chat.default_audience", "accounts", f"{CLIENT} default_audience"),
        ("clients.chat.token_endpoint_auth_method", "none", f"{CLIENT} token_endpoint_auth_method"),
        ("clients.chat.claims", [], f"{CLIENT} claims"),
        ("clients.chat.claims", {"sub": "root"}, f"{CLIENT} claims sub"),
        ("clients.chat.claims", {"scope": "all"}, f"{CLIENT} claims scope"),
        ("clients.chat.claims", {"act": {"sub": "x"}}, f"{CLIENT} claims act"),
        ("clients.chat.claims", {"may_act": "gateway"}, f"{CLIENT} claims may_act"),
        ("clients.chat.claims", {"x": float("nan")}, f"{CLIENT} claims"),
        ("clients.chat.claims", {"x": "\ud800"}, f"{CLIENT} claims"),
        ("clients.chat.claims", {"x": "y" * 5000}, f"{CLIENT} claims"),
        ("clients.chat.audience", ["x"], f"{CLIENT} audience"),
        ("clients.a b", {"secret": "x"}, "[realms.desk.clients.a b]"),
    ],
)
def test_a_mistake_is_named_by_table_and_key(path, value, where):
    with pytest.raises(ConfigurationError) as caught:
        parse(changed(path, value))
    assert str(caught.value).startswith(where)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("claim", ["cognito:groups", "username", "token_use", "version", "origin_jti"])
def test_claims_of_a_user_pool_cannot_be_configured(claim):
    data = copy.deepcopy(GOOD)
    data["realms"]["pool"]["clients"]["chat"]["claims"] = {claim: "x"}
    with pytest.raises(ConfigurationError, match="belongs to the protocol"):
        parse(data)


@pytest.mark.behaviour("IDP-TX-COGNITO")
def test_a_cognito_client_cannot_be_given_the_exchange():
    data = copy.deepcopy(GOOD)
    data["realms"]["pool"]["clients"]["chat"]["grants"] = ["token-exchange"]
    with pytest.raises(ConfigurationError, match="does not offer"):
        parse(data)


@pytest.mark.parametrize("data", [None, [], "x", {}, {"realms": {}}, {"realms": []}, {"realm": {}}])
def test_a_file_without_realms_is_refused(data):
    with pytest.raises(ConfigurationError):
        parse(data)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "..", "-a", "é", "x" * 65])
def test_a_realms_name_must_fit_into_a_path(name):
    with pytest.raises(ConfigurationError, match="name"):
        parse({"realms": {name: {"clients": {}}}})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("realms.json", "{"),
        ("realms.json", '{"realms": {}, "realms": {}}'),
        ("realms.json", "[" * 100_000),
        ("realms.toml", "[realms"),
        ("realms.toml", "a = 1\na = 2"),
    ],
)
def test_a_file_that_is_neither_is_named(tmp_path, name, content):
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=f"{name} is not valid"):
        load(file)


def test_a_missing_or_undecodable_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.json cannot be read"):
        load(tmp_path / "none.json")
    (tmp_path / "latin.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigurationError, match=r"latin\.json cannot be read"):
        load(tmp_path / "latin.json")


@pytest.mark.behaviour("IDP-REDIRECT-REGISTERED")
@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "clients.chat.grants",
            ["authorization_code"],
            "redirect_uris: the grant authorization_code needs one",
        ),
        ("clients.chat.redirect_uris", ["http://app.example.com/"], "http on this machine"),
        ("clients.chat.redirect_uris", ["javascript:alert(1)"], "of a scheme that an app owns"),
        ("code_lifetime", 0, "code_lifetime: must be 1 to 600"),
        ("code_lifetime", 601, "code_lifetime: must be 1 to 600"),
        ("refresh_lifetime", 0, "refresh_lifetime: must be 1 to"),
        ("approve", "ann", "approve: 'ann' is not one of: none"),
        ("users", {"ann": {"claims": {"nonce": "x"}}}, "users.ann] claims nonce: this claim belongs"),
        ("users", {"ann": {"claims": {"sub": "x"}}}, "users.ann] claims sub: this claim belongs"),
    ],
)
def test_what_people_need_is_checked_at_the_start(path, value, said):
    names, problem = read(changed(path, value))
    assert names == []
    assert problem.startswith("[realms.desk")
    assert said in problem


def test_realms_built_in_python_are_checked_too():
    realm = Realm(name="desk", clients={"chat": Client(id="chat", secret="")})
    with pytest.raises(ConfigurationError, match="no default secret"), run_server_in_thread([realm]):
        pytest.fail("it started")


def test_a_realm_twice_is_refused():
    realm = Realm(name="desk", clients={})
    other = Realm(name="other", clients={}, path="/desk")
    with pytest.raises(ConfigurationError, match="already"), run_server_in_thread([realm, other]):
        pytest.fail("it started")


def test_no_secret_in_the_repr():
    assert "hidden" not in repr(parse(GOOD))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = st.dictionaries(st.text(max_size=8), JSON, max_size=3)
KEYS = st.sampled_from(
    ["dialect", "path", "scopes", "resources", "lifetime", "algorithm", "clients"]
    + [
        f"clients.chat.{name}"
        for name in ("secret", "grants", "scopes", "audiences", "claims", "may_exchange")
    ]
)


@given(KEYS, JSON)
def test_any_value_anywhere_is_taken_or_refused_by_name(path, value):
    names, problem = read(changed(path, value))
    assert names == ["desk", "pool"] or problem.startswith("[realms.")


@given(
    st.tuples(
        st.sampled_from(["clients.chat.scopes", "clients.chat.audiences"]), st.lists(st.text(max_size=5))
    )
    | st.tuples(st.just("clients.chat.claims"), CLAIMS)
    | st.tuples(st.just("path"), st.text(max_size=8).map("/".__add__))
)
def test_whatever_is_taken_can_be_signed(change):
    data = changed(*change)
    data["realms"]["desk"]["algorithm"] = "ES256"
    try:
        realms = parse(data)
    except ConfigurationError:
        return
    desk = make_provider(realms[:1], base_url="http://127.0.0.1:1").issuers["desk"]
    for client in desk.realm.clients.values():
        issuance = Issuance(
            client_id=client.id,
            subject=client.id,
            audiences=client.audiences or ("x",),
            scopes=client.scopes,
            lifetime=60,
            claims=client.claims,
        )
        assert desk.access_token(issuance).isascii()


def read(data: object) -> tuple[list[str], str]:
    """The names of the realms, or what is wrong with them."""
    try:
        return [realm.name for realm in parse(data)], ""
    except ConfigurationError as error:
        return [], str(error)


def test_a_configuration_knows_every_grant_by_its_short_name():
    assert {grant.operation: grant.grant_type for grant in GRANTS} == dict(GRANT_TYPES)
