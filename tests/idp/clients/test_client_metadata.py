"""What clients say of themselves: defaults of RFC 7591, what agrees, what is refused, what is ignored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.idp.clients.client_metadata import DOCUMENT, REGISTRATION, parse, read
from skerry.idp.oauth_errors import OAuthError
from skerry.idp.realms import JWT_BEARER, Client, Realm
from tests.kit.issuer import ec_key, rsa_key

REALM = Realm(
    name="desk",
    scopes=("desk/use", "desk/change"),
    clients={"gateway": Client(id="gateway", secret="x", audiences=("desk",), may_exchange=("backend",))},
)
CALLBACK = "http://127.0.0.1:8080/cb"
PUBLIC_KEY = rsa_key("one").as_dict(private=False)
JWKS = {"keys": [PUBLIC_KEY]}


def registered(**members: Any) -> dict[str, Any]:
    return dict(parse({"redirect_uris": [CALLBACK], **members}, REALM, REGISTRATION).members)


def error_of(data: dict[str, Any], rules=REGISTRATION) -> str:
    with pytest.raises(OAuthError) as caught:
        parse(data, REALM, rules)
    assert caught.value.status == 400
    return caught.value.error


@pytest.mark.behaviour("IDP-DCR-DEFAULTS")
def test_what_is_left_out_has_the_defaults_of_the_rfc():
    assert registered() == {
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "application_type": "native",
        "scope": "desk/use desk/change",
    }


@pytest.mark.behaviour("IDP-DCR-DEFAULTS")
def test_what_is_known_is_kept_and_what_is_not_is_ignored():
    found = registered(
        client_name="An app",
        client_uri="https://app.example/",
        contacts=["ops@app.example"],
        software_id="x",
        scope="desk/use unknown",
        require_auth_time=True,
        **{"client_name#de": "Eine App", "client_secret": "mine", "client_id": "mine"},
    )
    assert found["client_name"] == "An app"
    assert found["scope"] == "desk/use"
    assert not {"require_auth_time", "client_name#de", "client_secret", "client_id"} & set(found)


@pytest.mark.behaviour("IDP-DCR-BOUNDS")
def test_a_client_gets_no_more_than_the_realm_is_open_for():
    client = parse({"redirect_uris": [CALLBACK]}, REALM, REGISTRATION).client("x", REALM)
    assert client.audiences == ("desk",), "and no backend that is reached by exchange"
    assert (client.claims, client.own_audiences, client.may_exchange, client.trusted) == ({}, (), (), False)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no redirect uri": ({"redirect_uris": []}, "invalid_redirect_uri"),
    "redirect uris that are no list": ({"redirect_uris": CALLBACK}, "invalid_redirect_uri"),
    "a redirect uri that is no string": ({"redirect_uris": [1]}, "invalid_redirect_uri"),
    "a redirect uri with a wildcard": ({"redirect_uris": ["https://*.example/"]}, "invalid_redirect_uri"),
    "a second one that is bad": ({"redirect_uris": [CALLBACK, "http://app.example/"]}, "invalid_redirect_uri"),
    "web with loopback": ({"application_type": "web"}, "invalid_redirect_uri"),
    "an unknown type": ({"application_type": "desktop"}, "invalid_client_metadata"),
    "code without its response type": ({"response_types": []}, "invalid_client_metadata"),
    "implicit": ({"response_types": ["token"]}, "invalid_client_metadata"),
    "code and more": ({"response_types": ["code", "code id_token"]}, "invalid_client_metadata"),
    "a response type without its grant": (
        {"grant_types": ["urn:ietf:params:oauth:grant-type:device_code"], "response_types": ["code"]},
        "invalid_client_metadata",
    ),
    "only grants of declared clients": ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
    "password": ({"grant_types": ["password", "implicit"]}, "invalid_client_metadata"),
    "refresh alone": ({"grant_types": ["refresh_token"]}, "invalid_client_metadata"),
    "jwt-bearer as a public client": (
        {"grant_types": [JWT_BEARER], "token_endpoint_auth_method": "none"},
        "invalid_client_metadata",
    ),
    "an unknown method": ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata"),
    "a method of another type": ({"token_endpoint_auth_method": ["none"]}, "invalid_client_metadata"),
    "keys missing": ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    "keys twice": ({"jwks": JWKS, "jwks_uri": "https://app.example/jwks"}, "invalid_client_metadata"),
    "keys that are none": ({"jwks": {"keys": []}}, "invalid_client_metadata"),
    "keys that are a list": ({"jwks": [PUBLIC_KEY]}, "invalid_client_metadata"),
    "too many keys": ({"jwks": {"keys": [PUBLIC_KEY] * 11}}, "invalid_client_metadata"),
    "a private key": ({"jwks": {"keys": [rsa_key("one").as_dict(private=True)]}}, "invalid_client_metadata"),
    "a shared key": ({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}, "invalid_client_metadata"),
    "a short key": ({"jwks": {"keys": [{"kty": "RSA", "e": "AQAB", "n": PUBLIC_KEY["n"][:171]}]}}, "invalid_client_metadata"),
    "another curve": ({"jwks": {"keys": [ec_key("p384", "P-384").as_dict(private=False)]}}, "invalid_client_metadata"),
    "a key that is none": ({"jwks": {"keys": [{"kty": "RSA", "n": 1, "e": {}}, 7]}}, "invalid_client_metadata"),
    "no algorithm": ({"token_endpoint_auth_signing_alg": "none"}, "invalid_client_metadata"),
    "an algorithm with a shared key": ({"token_endpoint_auth_signing_alg": "HS256"}, "invalid_client_metadata"),
    "scopes of somebody else": ({"scope": "admin root"}, "invalid_client_metadata"),
    "scopes as a list": ({"scope": ["desk/use"]}, "invalid_client_metadata"),
    "a long name": ({"client_name": "x" * 513}, "invalid_client_metadata"),
    "a name that turns the line around": ({"client_name": "app\u202egnp.exe"}, "invalid_client_metadata"),
    "a name with a line end": ({"client_name": "app\nBank"}, "invalid_client_metadata"),
    "a name that is a number": ({"client_name": 5}, "invalid_client_metadata"),
    "a script as a link": ({"client_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
    "markup in a link": ({"logo_uri": 'https://app.example/"><script>'}, "invalid_client_metadata"),
    "contacts without end": ({"contacts": ["a"] * 33}, "invalid_client_metadata"),
    "a software statement": ({"software_statement": "a.b.c"}, "unapproved_software_statement"),
}  # fmt: skip


@pytest.mark.behaviour("IDP-DCR-REFUSED")
@pytest.mark.parametrize("name", REFUSED)
def test_metadata_that_cannot_be_registered_is_refused(name):
    members, error = REFUSED[name]
    assert error_of({"redirect_uris": [CALLBACK], **members}) == error


@pytest.mark.behaviour("IDP-DCR-GRANTS")
def test_grants_of_declared_clients_are_left_out_and_the_answer_shows_it():
    found = registered(grant_types=["authorization_code", "refresh_token", "client_credentials", "x"])
    assert found["grant_types"] == ["authorization_code", "refresh_token"]
    found = registered(grant_types=["authorization_code", JWT_BEARER])
    assert found["grant_types"] == ["authorization_code", JWT_BEARER]


def test_a_client_that_signs_brings_public_keys():
    found = registered(
        token_endpoint_auth_method="private_key_jwt", jwks=JWKS, token_endpoint_auth_signing_alg="PS256"
    )
    assert (found["jwks"], found["token_endpoint_auth_signing_alg"]) == (JWKS, "PS256")


@pytest.mark.behaviour("IDP-CIMD-RULES")
@pytest.mark.parametrize(
    "members",
    [
        {"client_name": ""},
        {"client_name": None},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"client_secret": "x"},
        {"client_secret_expires_at": 0},
        {"redirect_uris": ["https://app.example/*"]},
        {"redirect_uris": []},
    ],
)
def test_a_document_has_a_name_and_no_shared_secret(members):
    data = {"client_name": "An app", "redirect_uris": [CALLBACK]}
    assert parse(data, REALM, DOCUMENT).members["token_endpoint_auth_method"] == "none"
    assert error_of({**data, **members}, DOCUMENT) in {"invalid_client_metadata", "invalid_redirect_uri"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"5",
        b'{"a":1,"a":2}',
        b"{",
        b'{"a":NaN}',
        b"\xff",
        b'{"a":' + b"[" * 9 + b"]" * 9 + b"}",
    ],
)
def test_only_one_plain_json_object_is_read(body):
    with pytest.raises(OAuthError) as caught:
        read(body)
    assert caught.value.error == "invalid_client_metadata"


NAMES = st.sampled_from(
    [
        "redirect_uris",
        "grant_types",
        "response_types",
        "token_endpoint_auth_method",
        "client_name",
        "scope",
        "jwks",
        "jwks_uri",
        "application_type",
        "contacts",
        "logo_uri",
        "software_statement",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from([CALLBACK, "https://app.example/cb", "authorization_code", "none", "private_key_jwt", "code"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["keys", "kty", "n", "e", "crv", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(
    st.dictionaries(NAMES | st.text(max_size=8), VALUES, max_size=8),
    st.sampled_from([REGISTRATION, DOCUMENT]),
)
def test_any_members_are_metadata_or_an_oauth_error(data, rules):
    try:
        found = parse(data, REALM, rules)
    except OAuthError as error:
        assert error.error in {
            "invalid_redirect_uri",
            "invalid_client_metadata",
            "unapproved_software_statement",
        }
    else:
        client = found.client("x", REALM)
        assert json.loads(json.dumps(dict(found.members)))
        assert client.grants
        assert set(client.scopes) <= set(REALM.scopes)
        assert client.digest == ""


@given(st.binary(max_size=200) | st.text('{}[]",:0aeN\\u', max_size=60).map(str.encode))
def test_any_bytes_are_an_object_or_an_oauth_error(body):
    try:
        assert isinstance(read(body), dict)
    except OAuthError as error:
        assert error.error == "invalid_client_metadata"
