"""Keys of a realm that one dialect alone has: Entra's tenant; Cognito's resource servers, roles, trigger."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from skerry.auth.discovery import is_safe
from skerry.errors import ConfigurationError
from skerry.idp.asked import SCOPE_TOKEN
from skerry.idp.realms import Realm
from skerry.idp.table import Table
from skerry.idp.triggers.declared import LOCKED, LONGEST_TIMEOUT, VERSIONS, Cloud, Trigger

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}\Z")
_RESOURCE_SERVER = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}\Z")
_COGNITO_ONLY = ("resource_servers", "group_roles", "trigger")


def read(table: Table, place: Cloud | None) -> dict[str, Any]:
    """Those members of Realm, from its table; functions are called at `place`. Raises ConfigurationError."""
    return {
        "tenant": table.text("tenant"),
        "resource_servers": {key: _scopes_of(part) for key, part in table.tables("resource_servers")},
        "group_roles": table.names("group_roles"),
        "trigger": _trigger(table.table("trigger"), place) if "trigger" in table.data else None,
    }


def cloud(table: Table) -> Cloud:
    """Where functions are called. Raises ConfigurationError."""
    names = [item.name for item in fields(Cloud)]
    table.refuse_others(set(names))
    for name in names:
        if not table.text(name):
            raise table.problem(name, "is missing")
    return Cloud(**{name: table.text(name) for name in names})


def _trigger(table: Table, place: Cloud | None) -> Trigger:
    table.refuse_others({item.name for item in fields(Trigger)} - {"cloud"})
    usual = Trigger(function=table.text("function"))
    return Trigger(
        function=usual.function,
        version=table.choice("version", VERSIONS, usual.version),
        timeout=table.number("timeout", usual.timeout),
        locked_claims=table.choice("locked_claims", LOCKED, usual.locked_claims),
        cloud=place,
    )


def _scopes_of(table: Table) -> tuple[str, ...]:
    table.refuse_others({"scopes"})
    return table.texts("scopes")


def check(realm: Realm, table: str) -> None:
    """Raises ConfigurationError when such a member cannot work in this realm; `table` is its name."""
    for key in _COGNITO_ONLY:
        if getattr(realm, key) and realm.dialect != "cognito":
            raise ConfigurationError(f"{table} {key}: belongs to Cognito; this realm speaks {realm.dialect}.")
    if realm.tenant:
        if not realm.dialect.startswith("entra"):
            raise ConfigurationError(f"{table} tenant: belongs to Entra; this realm speaks {realm.dialect}.")
        if not _TENANT.match(realm.tenant):
            raise ConfigurationError(f"{table} tenant: is the tenant's id, letters, digits and -.")
    for name, scopes in realm.resource_servers.items():
        if not _RESOURCE_SERVER.match(name) or not scopes:
            raise ConfigurationError(
                f"{table} resource_servers: {name!r} needs scopes, and an identifier without spaces."
            )
        for scope in scopes:
            if not SCOPE_TOKEN.match(scope):
                raise ConfigurationError(
                    f"{table} resource_servers {name}: a scope is printable ASCII without space, quote and "
                    "backslash."
                )
    if realm.trigger is not None:
        _check_trigger(realm.trigger, table)


def _check_trigger(trigger: Trigger, table: str) -> None:
    if not trigger.function:
        raise ConfigurationError(f"{table} trigger: function is missing; it names a Lambda function.")
    if trigger.cloud is None:
        raise ConfigurationError(
            f"{table} trigger: nothing says where functions are called.",
            hint="Add [aws] with endpoint, region, access_key_id and secret_access_key.",
        )
    if not is_safe(trigger.cloud.endpoint):
        raise ConfigurationError("[aws] endpoint: is neither an https URL nor on this machine.")
    if not 1 <= trigger.timeout <= LONGEST_TIMEOUT:
        raise ConfigurationError(f"{table} trigger: timeout must be 1 to {LONGEST_TIMEOUT} seconds.")
