"""Reads realms from a TOML or JSON file; `checks` says what cannot work.

    [realms.desk]                     dialect, scopes, resources, algorithm, path, lifetime,
                                      refresh_lifetime, code_lifetime, client_documents, registration,
                                      registration_lifetime, registered_audiences, loopback_origins,
                                      trusted_issuers, approve, discovery, tenant
    [realms.desk.clients.gateway]     secret, name, grants, scopes, audiences, default_audience, claims,
                                      own_audiences, may_exchange, token_endpoint_auth_method,
                                      redirect_uris, post_logout_redirect_uris, application_type, jwks,
                                      jwks_uri, trusted, token_endpoint_auth_signing_alg,
                                      id_jag_audiences
    [realms.desk.trusted_issuers.NAME_OR_URL]   subjects: names of people here by its sub
    [realms.desk.users.ann]           password or password_digest, id, groups, claims, access_claims,
                                      enabled
    [realms.pool.resource_servers.orders]   scopes (Cognito)
    [realms.pool.group_roles]         IAM roles by group (Cognito)
    [realms.pool.trigger]             function, version, timeout, locked_claims (Cognito)
    [aws]                             endpoint, region, access_key_id, secret_access_key: for triggers

Every problem is a ConfigurationError that names the table and the key.
"""

from __future__ import annotations

import json
import tomllib
import uuid
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError
from skerry.idp.passwords import password_digest
from skerry.idp.realm import checks, defaults, dialect_members
from skerry.idp.realms import (
    GRANT_TYPES,
    REGISTRATIONS,
    Client,
    Realm,
    Registration,
    TrustedIssuer,
    User,
)
from skerry.idp.table import Table
from skerry.idp.triggers.declared import Cloud


def load(file: Path) -> tuple[Realm, ...]:
    """The realms of a `.toml` file, or of a JSON file of any other name. Raises ConfigurationError."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{file} cannot be read: {reason}.") from error
    try:
        data = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        kind = "TOML" if file.suffix == ".toml" else "JSON"
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigurationError(f"{file} is not valid {kind}{where}.") from error
    return parse(data)


def parse(data: object) -> tuple[Realm, ...]:
    """The realms of a parsed file: `{"realms": {NAME: {...}}}`. Raises ConfigurationError."""
    top = Table("", data)
    cloud = dialect_members.cloud(top.table("aws")) if "aws" in top.data else None
    realms = tuple(
        defaults.with_audiences(_realm(table, name, cloud)) for name, table in top.tables("realms")
    )
    top.refuse_others({"realms", "aws"})
    checks.check(realms)
    return realms


def _realm(table: Table, name: str, cloud: Cloud | None) -> Realm:
    usual = Realm(name=name, clients={})
    table.refuse_others({item.name for item in fields(Realm)} - {"name"})
    return Realm(
        name=name,
        dialect=table.text("dialect", usual.dialect),
        path=table.text("path"),
        scopes=table.texts("scopes"),
        resources=table.texts("resources"),
        lifetime=table.number("lifetime", usual.lifetime),
        refresh_lifetime=table.number("refresh_lifetime", usual.refresh_lifetime),
        code_lifetime=table.number("code_lifetime", usual.code_lifetime),
        approve=table.text("approve"),
        algorithm=table.text("algorithm", usual.algorithm),
        client_documents=table.flag("client_documents", usual.client_documents),
        loopback_origins=table.texts("loopback_origins"),
        registration=_registration(table),
        registration_lifetime=table.number("registration_lifetime", usual.registration_lifetime),
        registered_audiences=table.texts("registered_audiences"),
        trusted_issuers=_trusted_issuers(table),
        clients={client_id: _client(part, client_id) for client_id, part in table.tables("clients")},
        users={user: _user(part, user, name) for user, part in table.tables("users")},
        discovery=table.text("discovery"),
        **dialect_members.read(table, cloud),
    )


def _registration(table: Table) -> Registration:
    return table.choice("registration", REGISTRATIONS, "off")


def _trusted_issuers(table: Table) -> Mapping[str, TrustedIssuer]:
    """A list of issuers, or a table for each of them."""
    key = "trusted_issuers"
    if not isinstance(table.data.get(key), Mapping):
        return dict.fromkeys(table.texts(key), TrustedIssuer())
    found = {}
    for name, part in table.tables(key):
        part.refuse_others({item.name for item in fields(TrustedIssuer)})
        found[name] = TrustedIssuer(subjects=part.names("subjects"))
    return found


def grant_type(name: str) -> str:
    """The grant of a short name such as token-exchange; any other name as it is."""
    return GRANT_TYPES.get(name, name)


def _client(table: Table, client_id: str) -> Client:
    usual = Client(id=client_id, secret="")
    table.refuse_others({item.name for item in fields(Client)} - {"id", "source", "registration"})
    return Client(
        id=client_id,
        secret=table.text("secret"),
        grants=tuple(map(grant_type, table.texts("grants", usual.grants))),
        scopes=table.texts("scopes"),
        audiences=table.texts("audiences"),
        default_audience=table.text("default_audience"),
        claims=table.mapping("claims"),
        own_audiences=table.texts("own_audiences"),
        may_exchange=table.texts("may_exchange"),
        token_endpoint_auth_method=table.text("token_endpoint_auth_method"),
        secret_digest=table.text("secret_digest"),
        name=table.text("name"),
        redirect_uris=table.texts("redirect_uris"),
        post_logout_redirect_uris=table.texts("post_logout_redirect_uris"),
        application_type=table.text("application_type", usual.application_type),
        jwks=table.mapping("jwks"),
        jwks_uri=table.text("jwks_uri"),
        token_endpoint_auth_signing_alg=table.text("token_endpoint_auth_signing_alg"),
        id_jag_audiences=table.names("id_jag_audiences"),
        trusted=table.flag("trusted", usual.trusted),
    )


def _user(table: Table, name: str, realm: str) -> User:
    """A person; without an `id` one that is always the same for this name in this realm."""
    table.refuse_others({item.name for item in fields(User)} - {"name"} | {"password"})
    password, digest = table.text("password"), table.text("password_digest")
    if password and digest:
        raise table.problem("password", "stands beside password_digest; give one of them")
    return User(
        id=table.text("id") or str(uuid.uuid5(uuid.NAMESPACE_URL, f"skerry:{realm}:{name}")),
        name=name,
        password_digest=digest or (password_digest(password) if password else ""),
        groups=table.texts("groups"),
        claims=table.mapping("claims"),
        access_claims=table.mapping("access_claims"),
        enabled=table.flag("enabled", True),
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without doubled members."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member occurs twice")
    return found
