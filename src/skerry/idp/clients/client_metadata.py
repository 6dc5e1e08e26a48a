"""What a client says of itself, checked: the metadata of RFC 7591 section 2.

The same rules for a registration and for a document at a client id (CIMD); what differs is said by `Rules`.
Members that are not known are ignored. An error never repeats what was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skerry.auth.http import guarded
from skerry.auth.jwt.keys import public_keys
from skerry.errors import GuardError
from skerry.idp.clients import redirect_uris
from skerry.idp.oauth_errors import (
    OAuthError,
    invalid_client_metadata,
    invalid_redirect_uri,
    unapproved_software_statement,
)
from skerry.idp.realms import (
    ASSERTION_ALGORITHMS,
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    JWT_BEARER,
    KEY_METHOD,
    PUBLIC,
    REFRESH_TOKEN,
    SECRET_METHODS,
    Client,
    Realm,
    Source,
)
from skerry.wire.jsonrpc import depth_exceeds

GRANTS = (AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE, JWT_BEARER)
"""What a client that nobody declared may have: a person decides each time, or an enterprise did. Client
credentials and token exchange are for clients in the realm's file."""

MAX_DEPTH, MAX_KEYS, MAX_TEXT, MAX_ITEMS = 8, 10, 512, 32

_LINKS = ("client_uri", "logo_uri", "tos_uri", "policy_uri")
_TEXTS = ("client_name", "software_id", "software_version")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LINK = re.compile(r"https?://[\x21\x23-\x5b\x5d\x5f\x61-\x7a\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What depends on where the metadata comes from.

    `methods` are the client authentication methods allowed, `usual_method` what a missing one means;
    `needs_name` whether `client_name` must be there (MCP, of documents).
    """

    source: Source
    methods: tuple[str, ...]
    usual_method: str
    needs_name: bool


REGISTRATION = Rules(
    source="registered",
    methods=(PUBLIC, *SECRET_METHODS, KEY_METHOD),
    usual_method="client_secret_basic",  # RFC 7591 section 2
    needs_name=False,
)
DOCUMENT = Rules(source="document", methods=(PUBLIC, KEY_METHOD), usual_method=PUBLIC, needs_name=True)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Metadata that holds: `members` are as registered, to be shown again; they hold no secret."""

    members: Mapping[str, Any]
    rules: Rules

    def client(self, client_id: str, realm: Realm) -> Client:
        """The client of that id: it may ask for any resource that the realm is open for."""
        members = self.members
        return Client(
            id=client_id,
            name=members.get("client_name", ""),
            grants=tuple(members["grant_types"]),
            scopes=tuple(members.get("scope", "").split()),
            audiences=realm.open_resources,
            token_endpoint_auth_method=members["token_endpoint_auth_method"],
            token_endpoint_auth_signing_alg=members.get("token_endpoint_auth_signing_alg", ""),
            redirect_uris=tuple(members.get("redirect_uris", ())),
            post_logout_redirect_uris=tuple(members.get("post_logout_redirect_uris", ())),
            application_type=members["application_type"],
            jwks=members.get("jwks", {}),
            jwks_uri=members.get("jwks_uri", ""),
            source=self.rules.source,
        )


def read(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises OAuthError (invalid_client_metadata) for anything else."""
    try:
        if depth_exceeds(body, MAX_DEPTH):
            raise ValueError("nested too deep")
        data = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise invalid_client_metadata(
            "Send one JSON object in UTF-8, without doubled members, nested at most eight deep."
        ) from error
    if not isinstance(data, dict):
        raise invalid_client_metadata("Send one JSON object.")
    return data


def parse(data: Mapping[str, Any], realm: Realm, rules: Rules) -> Metadata:
    """The metadata in `data`, with the defaults of RFC 7591 filled in.

    Raises OAuthError: invalid_redirect_uri, invalid_client_metadata, unapproved_software_statement.
    """
    if data.get("software_statement") is not None:
        raise unapproved_software_statement("This provider trusts no issuer of software statements.")
    members: dict[str, Any] = {name: _text(data, name) for name in _TEXTS}
    if rules.needs_name and not members["client_name"]:
        raise invalid_client_metadata("client_name is missing; people are shown it when they are asked.")
    members |= {name: _link(data, name) for name in _LINKS}
    members["contacts"] = _texts(data, "contacts")
    members |= _authentication(data, rules)
    members |= _grants(data, members["token_endpoint_auth_method"])
    members |= _redirects(data, members["grant_types"])
    members["post_logout_redirect_uris"] = _ways_out(data)
    members["scope"] = _scope(data, realm)
    required = {"grant_types", "response_types"}
    return Metadata({name: value for name, value in members.items() if value or name in required}, rules)


def _grants(data: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Grants and response types, which must agree (RFC 7591 section 2.1).

    Grants that no such client may have are left out, as section 3.2.1 allows; the answer shows what is left.
    """
    asked = _texts(data, "grant_types") or [AUTHORIZATION_CODE]
    kept = [grant for grant in asked if grant in GRANTS and not (grant == JWT_BEARER and method == PUBLIC)]
    if not kept or kept == [REFRESH_TOKEN]:
        raise invalid_client_metadata(
            f"grant_types has none that such a client may have: {', '.join(GRANTS)}; "
            f"{JWT_BEARER} not for public clients, {REFRESH_TOKEN} not alone."
        )
    with_code = AUTHORIZATION_CODE in kept
    responses = _texts(data, "response_types") if "response_types" in data else ["code"] * with_code
    if responses != ["code"] * with_code:
        raise invalid_client_metadata(
            "response_types does not go with grant_types: code with authorization_code, else none."
        )
    return {"grant_types": kept, "response_types": responses}


def _redirects(data: Mapping[str, Any], grants: list[str]) -> dict[str, Any]:
    uris = _texts(data, "redirect_uris")
    kind = _text(data, "application_type")
    if kind not in ("", "web", "native"):
        raise invalid_client_metadata("application_type is web or native.")
    if AUTHORIZATION_CODE in grants and not uris:
        raise invalid_redirect_uri("redirect_uris is missing; the grant authorization_code needs one.")
    return {"redirect_uris": uris, "application_type": redirect_uris.application_type(kind, uris)}


def _ways_out(data: Mapping[str, Any]) -> list[str]:
    """Where people may go after signing out (RP-Initiated Logout 1.0 section 3.1)."""
    uris = _texts(data, "post_logout_redirect_uris")
    if len(uris) > redirect_uris.MOST:
        raise _wrong("post_logout_redirect_uris", f"has at most {redirect_uris.MOST} of them.")
    for uri in uris:
        if reason := redirect_uris.problem(uri):
            raise _wrong("post_logout_redirect_uris", f"cannot hold this. {reason}")
    return uris


def _authentication(data: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
    method = _text(data, "token_endpoint_auth_method") or rules.usual_method
    if method not in rules.methods:
        raise invalid_client_metadata(f"token_endpoint_auth_method is one of: {', '.join(rules.methods)}.")
    if rules is DOCUMENT and {"client_secret", "client_secret_expires_at"} & set(data):
        raise invalid_client_metadata("A document at a client id is public; it holds no client_secret.")
    algorithm = _text(data, "token_endpoint_auth_signing_alg")
    if algorithm and algorithm not in ASSERTION_ALGORITHMS:
        raise invalid_client_metadata(
            f"token_endpoint_auth_signing_alg is one of: {', '.join(ASSERTION_ALGORITHMS)}."
        )
    place, keys = _text(data, "jwks_uri"), data.get("jwks")
    if place and keys is not None:
        raise invalid_client_metadata("Give jwks or jwks_uri, not both.")
    if method == KEY_METHOD and not place and keys is None:
        raise invalid_client_metadata("private_key_jwt needs jwks or jwks_uri.")
    return {
        "token_endpoint_auth_method": method,
        "token_endpoint_auth_signing_alg": algorithm if method == KEY_METHOD else "",
        "jwks_uri": place,
        "jwks": None if keys is None else _key_set(keys),
    }


def _key_set(keys: object) -> Mapping[str, Any]:
    """A set of public keys of which one at least can sign an assertion."""
    listed = keys.get("keys") if isinstance(keys, Mapping) else None
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_KEYS:
        raise invalid_client_metadata(f"jwks is an object with keys, at most {MAX_KEYS}.")
    if any(not isinstance(key, Mapping) or _PRIVATE & set(key) for key in listed):
        raise invalid_client_metadata(
            "jwks holds public keys only. A private key in it is known now: replace it."
        )
    if not any(public_keys(listed, algorithm) for algorithm in ASSERTION_ALGORITHMS):
        raise invalid_client_metadata("jwks has no RSA key of 2048 bits or P-256 key for signatures.")
    return {"keys": listed}


def _scope(data: Mapping[str, Any], realm: Realm) -> str:
    """The scopes asked for that the realm has, all of them when none is asked for."""
    asked = _text(data, "scope", longest=8 * MAX_TEXT).split()
    kept = (
        [scope for scope in dict.fromkeys(asked) if scope in realm.all_scopes] if asked else realm.all_scopes
    )
    if asked and not kept:
        raise invalid_client_metadata("scope has none of this issuer's scopes (scopes_supported).")
    return " ".join(kept)


def check_jwks_uri(metadata: Metadata, guard: guarded.Guard) -> None:
    """Raises OAuthError (invalid_client_metadata) when `jwks_uri` is a place that will never be asked."""
    place = metadata.members.get("jwks_uri", "")
    try:
        if place:
            guard.target(place)
    except GuardError as error:
        raise invalid_client_metadata(f"jwks_uri cannot be used. {error.message}") from error


def _text(data: Mapping[str, Any], name: str, *, longest: int = MAX_TEXT) -> str:
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise _wrong(name, f"is text of at most {longest} printable characters.")
    return value


def _texts(data: Mapping[str, Any], name: str) -> list[str]:
    value = data.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise _wrong(name, f"is a list of at most {MAX_ITEMS} strings.")
    if not all(isinstance(item, str) and item and item.isprintable() and len(item) <= 2048 for item in value):
        raise _wrong(name, "is a list of printable strings.")
    return list(dict.fromkeys(value))


def _link(data: Mapping[str, Any], name: str) -> str:
    value = _text(data, name, longest=2048)
    if value and not _LINK.fullmatch(value):
        raise _wrong(name, "is an http or https URL.")
    return value


def _wrong(name: str, must: str) -> OAuthError:
    return (invalid_redirect_uri if name == "redirect_uris" else invalid_client_metadata)(f"{name} {must}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _constant(_: str) -> object:
    raise ValueError("NaN and Infinity are not JSON")
