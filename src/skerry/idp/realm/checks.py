"""What realms, clients and people must be to work, alone and together: declared, or added later.

Every problem is a ConfigurationError that names the table and the key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from skerry.auth.discovery import is_safe
from skerry.auth.http.guarded_urls import loopback_origin
from skerry.errors import ConfigurationError, GuardError
from skerry.idp.asked import SCOPE_TOKEN
from skerry.idp.clients import redirect_uris
from skerry.idp.dialects import DIALECTS, Dialect
from skerry.idp.dialects.dialect import DISCOVERY
from skerry.idp.realm import dialect_members, names
from skerry.idp.realm.defaults import issuer_path, with_audiences
from skerry.idp.realms import (
    ALGORITHMS,
    ASSERTION_ALGORITHMS,
    AUTHORIZATION_CODE,
    GRANT_TYPES,
    KEY_METHOD,
    PUBLIC,
    SECRET_METHODS,
    Client,
    Realm,
    User,
)

SHORTEST_LIFETIME, LONGEST_LIFETIME = 5, 86_400
"""Seconds; Cognito allows 5 minutes to a day."""
USUAL_SHORTEST = 60
"""Seconds below which the provider warns: resource servers allow 30 s for clocks that differ."""

LONGEST_CODE_LIFETIME = 600
"""Seconds; RFC 6749 section 4.1.2 recommends ten minutes at most."""

LONGEST_REFRESH_LIFETIME = 10 * 365 * 86_400
"""Seconds; Cognito allows ten years."""

SHORTEST_REGISTRATION = 60
"""Seconds that a registration waits for its first use at least."""

LARGEST_CLAIMS = 4096
"""Bytes as JSON: a token must fit into a header."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,256}\Z")
_SECRET = re.compile(r"[\x20-\x7e]{1,256}\Z")
"""RFC 6749 appendix A.2."""
_AUDIENCE = re.compile(r"[\x21-\x7e]{1,512}\Z")
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?\Z")
"""A slash at the end is part of an issuer's name: Auth0's have one."""
_USER_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,128}\Z")


def check(realms: Iterable[Realm]) -> None:
    """Raises ConfigurationError when the realms cannot work, alone or together."""
    realms = tuple(realms)
    known = {realm.name for realm in realms}
    paths: dict[str, str] = {}
    for realm in realms:
        table = f"[realms.{realm.name}]"
        _check_realm(realm, table)
        path = issuer_path(realm)
        endpoints = asdict(DIALECTS[realm.dialect].paths(path)).values()
        for place in {path.rstrip("/"), *endpoints} - {""}:
            other = paths.setdefault(place.casefold(), realm.name)
            if other != realm.name:
                what = "its issuer path" if place == path.rstrip("/") else "the path of an endpoint,"
                raise ConfigurationError(f"{table}: {what} {place} is that of [realms.{other}] already.")
        for issuer in realm.trusted_issuers:
            if issuer not in known - {realm.name} and not is_safe(issuer):
                raise ConfigurationError(
                    f"{table} trusted_issuers: {issuer!r} is neither an https URL, nor one on this machine, "
                    "nor another realm."
                )
        for client in realm.clients.values():
            _check_client(client, realm, f"[realms.{realm.name}.clients.{client.id}]")
        for user in realm.users.values():
            _check_user(user, realm, f"[realms.{realm.name}.users.{user.name}]")
            _check_subject(user, realm, f"[realms.{realm.name}.users.{user.name}] id:")
    if not paths:
        raise ConfigurationError("[realms]: there is no realm.", hint="Add a table such as [realms.desk].")


def _check_realm(realm: Realm, table: str) -> None:
    if not _NAME.match(realm.name):
        raise ConfigurationError(f"{table}: a realm's name is letters, digits, - and _, at most 64.")
    _one_of(realm.dialect, tuple(DIALECTS), f"{table} dialect")
    for audience in realm.registered_audiences:
        if not _AUDIENCE.match(audience):
            raise ConfigurationError(
                f"{table} registered_audiences: an audience is a name or URL without spaces."
            )
    _one_of(realm.algorithm, ALGORITHMS, f"{table} algorithm")
    if not _PATH.match(issuer_path(realm)):
        raise ConfigurationError(f"{table} path: must look like /name.")
    if not SHORTEST_LIFETIME <= realm.lifetime <= LONGEST_LIFETIME:
        raise ConfigurationError(
            f"{table} lifetime: must be {SHORTEST_LIFETIME} to {LONGEST_LIFETIME} seconds."
        )
    if not 1 <= realm.code_lifetime <= LONGEST_CODE_LIFETIME:
        raise ConfigurationError(f"{table} code_lifetime: must be 1 to {LONGEST_CODE_LIFETIME} seconds.")
    if not 1 <= realm.refresh_lifetime <= LONGEST_REFRESH_LIFETIME:
        raise ConfigurationError(
            f"{table} refresh_lifetime: must be 1 to {LONGEST_REFRESH_LIFETIME} seconds."
        )
    if not SHORTEST_REGISTRATION <= realm.registration_lifetime <= LONGEST_REFRESH_LIFETIME:
        raise ConfigurationError(
            f"{table} registration_lifetime: must be {SHORTEST_REGISTRATION} to {LONGEST_REFRESH_LIFETIME} "
            "seconds; a person signs in meanwhile."
        )
    for scope in realm.scopes:
        _check_scope(scope, f"{table} scopes")
    for origin in realm.loopback_origins:
        try:
            loopback_origin(origin)
        except GuardError as error:
            raise ConfigurationError(
                f"{table} loopback_origins: is no origin on this machine. {error.message}",
                hint="Such as http://127.0.0.1:8080.",
            ) from error
    if realm.approve:
        _one_of(realm.approve, tuple(realm.users), f"{table} approve")
    if realm.discovery:
        _one_of(realm.discovery, DISCOVERY, f"{table} discovery")
    dialect_members.check(realm, table)


def warnings(realms: Iterable[Realm]) -> list[str]:
    """What works and is rarely meant."""
    found = []
    for realm in realms:
        if realm.lifetime < USUAL_SHORTEST:
            found.append(
                f"[realms.{realm.name}] lifetime: {realm.lifetime} s is for tests; resource servers take a "
                "token 30 s longer, for clocks that differ."
            )
        if realm.trigger is not None and realm.trigger.locked_claims == "apply":
            found.append(
                f"[realms.{realm.name}] trigger: locked_claims = 'apply' lets the function write claims that "
                "AWS documents as locked."
            )
    return found


def check_user(user: User, realm: Realm) -> None:
    """Raises ConfigurationError when a person cannot be in a realm."""
    _check_user(user, realm, f"user {user.name}:")
    _check_subject(user, realm, f"user {user.name} id:")


def _check_user(user: User, realm: Realm, where: str) -> None:
    if not _USER_NAME.match(user.name) or not _USER_NAME.match(user.id):
        raise ConfigurationError(f"{where} a name and an id are 1 to 128 characters that can be printed.")
    if user.name != names.plain(user.name):
        raise ConfigurationError(
            f"{where} the name has invisible or compatibility characters, so it looks like another.",
            hint=f"Write it as {names.plain(user.name)}.",
        )
    for group in user.groups:
        if not _USER_NAME.match(group):
            raise ConfigurationError(f"{where} groups: a group is 1 to 128 characters that can be printed.")
    for key in ("claims", "access_claims"):
        _check_claims(getattr(user, key), DIALECTS[realm.dialect], f"{where} {key}")


def _check_subject(user: User, realm: Realm, where: str) -> None:
    """A `sub` says who it is: nobody has that of another, or of a client's machine (RFC 9068 section 5)."""
    for other in realm.users.values():
        if other.id == user.id and other.name != user.name:
            raise ConfigurationError(f"{where} it is that of {other.name} already.", hint="Leave it out.")
    if user.id in realm.clients:
        raise ConfigurationError(f"{where} it is the id of a client.", hint="Rename one of them.")


def check_client(client: Client, realm: Realm) -> None:
    """Raises ConfigurationError when a client cannot work in a realm."""
    if client.id in {user.id for user in realm.users.values()}:
        raise ConfigurationError(f"client {client.id}: the id is that of a person.", hint="Choose another.")
    known = with_audiences(replace(realm, clients={**realm.clients, client.id: Client(id=client.id)}))
    _check_client(client, known, f"client {client.id}:")


def _check_client(client: Client, realm: Realm, table: str) -> None:
    dialect = DIALECTS[realm.dialect]
    if not _CLIENT_ID.match(client.id):
        raise ConfigurationError(f"{table}: a client id is printable ASCII without spaces, at most 256.")
    proves_by_secret = client.token_endpoint_auth_method in ("", *SECRET_METHODS)
    if proves_by_secret and not client.digest:
        raise ConfigurationError(f"{table} secret: is missing; there is no default secret.")
    if client.digest and not proves_by_secret:
        raise ConfigurationError(
            f"{table} token_endpoint_auth_method: {client.token_endpoint_auth_method} goes without a secret."
        )
    if client.secret and not _SECRET.match(client.secret):
        raise ConfigurationError(f"{table} secret: is printable ASCII, at most 256 characters.")
    for grant in client.grants:
        _one_of(grant, tuple(GRANT_TYPES.values()), f"{table} grants")
        if grant not in dialect.grants:
            raise ConfigurationError(f"{table} grants: a {dialect.name} issuer does not offer {grant}.")
    for scope in client.scopes:
        _check_scope(scope, f"{table} scopes")
        _one_of(scope, realm.all_scopes, f"{table} scopes")
    for key in ("audiences", "own_audiences", "may_exchange"):
        for audience in getattr(client, key):
            if not _AUDIENCE.match(audience):
                raise ConfigurationError(
                    f"{table} {key}: an audience is a name or URL without spaces, at most 512 characters."
                )
            _one_of(audience, realm.all_resources, f"{table} {key}")
    if client.default_audience:
        _one_of(client.default_audience, client.audiences, f"{table} default_audience")
    if client.token_endpoint_auth_method:
        methods = (*SECRET_METHODS, PUBLIC, KEY_METHOD)
        _one_of(client.token_endpoint_auth_method, methods, f"{table} token_endpoint_auth_method")
    _check_keys(client, table)
    if AUTHORIZATION_CODE in client.grants and not client.redirect_uris:
        raise ConfigurationError(f"{table} redirect_uris: the grant {AUTHORIZATION_CODE} needs one.")
    for key in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(client, key):
            if reason := redirect_uris.problem(uri):
                raise ConfigurationError(f"{table} {key}: {reason}")
    _check_claims(client.claims, dialect, f"{table} claims")


def _check_keys(client: Client, table: str) -> None:
    """The keys of `private_key_jwt`, which needs one place for them."""
    if client.token_endpoint_auth_method == KEY_METHOD and bool(client.jwks) == bool(client.jwks_uri):
        raise ConfigurationError(f"{table} jwks: private_key_jwt needs jwks or jwks_uri, one of them.")
    if client.token_endpoint_auth_signing_alg:
        _one_of(
            client.token_endpoint_auth_signing_alg,
            ASSERTION_ALGORITHMS,
            f"{table} token_endpoint_auth_signing_alg",
        )
    for audience, name in client.id_jag_audiences.items():
        if not _CLIENT_ID.match(name) or not _AUDIENCE.match(audience):
            raise ConfigurationError(
                f"{table} id_jag_audiences: gives the client's id at each authorization server."
            )


def _check_claims(claims: Mapping[str, Any], dialect: Dialect, where: str) -> None:
    for name, value in claims.items():
        if name == "may_act":
            if not (isinstance(value, Mapping) and isinstance(value.get("sub"), str)):
                raise ConfigurationError(
                    f"{where} may_act: must be a table with sub, the client that may act."
                )
        elif dialect.is_reserved(name):
            raise ConfigurationError(f"{where} {name}: this claim belongs to the protocol.")
    try:
        size = len(json.dumps(dict(claims), allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where}: must hold JSON values only.") from error
    if size > LARGEST_CLAIMS:
        raise ConfigurationError(f"{where}: {size} bytes as JSON, more than {LARGEST_CLAIMS}.")


def _check_scope(scope: str, where: str) -> None:
    if not SCOPE_TOKEN.match(scope):
        raise ConfigurationError(f"{where}: a scope is printable ASCII without space, quote and backslash.")


def _one_of(value: str, allowed: tuple[str, ...], where: str) -> None:
    if value not in allowed:
        listed = ", ".join(allowed) or "none"
        raise ConfigurationError(f"{where}: {value!r} is not one of: {listed}.")
