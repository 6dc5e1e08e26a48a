"""`[realms.NAME]` of skerry.toml: what the identity provider reads, and the secrets that the stack makes.

The keys are those of the provider's own file (docs/idp.md) and are checked by the provider's own reader, so
nothing is listed twice. What the stack adds: references in every string, a secret for a client that proves
itself by one and has none, a password for a person without one, and the way to Lambda for a trigger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ConfigurationError
from skerry.idp.realm import configuration
from skerry.idp.realms import SECRET_METHODS, Client
from skerry.idp.realms import Realm as ProviderRealm
from skerry.stack.declared.references import resolve

_KEPT_BACK = ("id", "source", "secret_digest")
"""Members of a client that `stack.json` does not repeat."""
_UNCHECKED = "scrypt$"
"""In place of a password while a file is checked: making a digest takes time."""
_URLS = re.compile(
    r"\$\{(?:endpoint|[^}]*\.(?:url|issuer|token_endpoint|discovery_url)|[^}]*\.endpoints\.[^}]*)\}"
)
_OTHERS = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Realm:
    """An issuer as it is declared: `table` as it stands in the file, `known` as the provider reads it.

    `known` has none of the secrets that are made later.
    """

    name: str
    table: Mapping[str, Any]
    known: ProviderRealm

    @property
    def clients(self) -> Mapping[str, Client]:
        """Its clients by id."""
        return self.known.clients

    @property
    def trigger(self) -> str:
        """The Lambda function that its trigger calls; empty without one."""
        return self.known.trigger.function if self.known.trigger else ""


def read(tables: Mapping[str, Any], file: Path) -> dict[str, Realm]:
    """The realms of a file by name. Raises ConfigurationError, which names file, table and key."""
    if not tables:
        return {}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise ConfigurationError(
                f"{file}: realms holds '{name}', which must be a table: [realms.{name}]."
            )
    known_later = {name: _each_text(table, _stand_in) for name, table in tables.items()}
    filled = {name: _filled(table, lambda _: "made later") for name, table in known_later.items()}
    return {known.name: Realm(known.name, tables[known.name], known) for known in _parsed(filled, file)}


def settings(
    realms: Mapping[str, Realm],
    values: Mapping[str, Any],
    *,
    secret: Callable[[str], str],
    developer: Credentials,
) -> dict[str, Any]:
    """The provider's file: every realm with its secrets, references replaced.

    `secret` gives the secret of a name, the same each time; `developer` is the key that triggers call with.
    """
    tables: dict[str, Any] = {}
    for name, realm in realms.items():
        resolved = _each_text(realm.table, _resolving(values), f"[realms.{name}]")
        tables[name] = _filled(resolved, _below(secret, f"realms/{name}/"))
    found: dict[str, Any] = {"realms": tables}
    if any(realm.trigger for realm in realms.values()):
        found["aws"] = {
            "endpoint": values["endpoint"],
            "region": values["region"],
            "access_key_id": developer.access_key_id,
            "secret_access_key": developer.secret_access_key,
        }
    return found


def published(found: Mapping[str, Any], file: Path) -> dict[str, dict[str, Any]]:
    """What `stack.json` tells of the realms in the provider's file: dialect, clients, people, secrets."""
    told = {}
    for realm in _parsed(found["realms"], file):
        people = found["realms"][realm.name].get("users", {})
        told[realm.name] = {
            "dialect": realm.dialect,
            "clients": {name: _client(client) for name, client in realm.clients.items()},
            "users": {
                name: {
                    "id": user.id,
                    "password": people[name].get("password", ""),
                    "groups": list(user.groups),
                }
                for name, user in realm.users.items()
            },
        }
    return told


def _client(client: Client) -> dict[str, Any]:
    members = {name: value for name, value in asdict(client).items() if name not in _KEPT_BACK}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in members.items()}


def _parsed(tables: Mapping[str, Any], file: Path) -> tuple[ProviderRealm, ...]:
    """The realms as the provider reads them, without the passwords."""
    cloud = {"endpoint": "http://127.0.0.1", "region": "-", "access_key_id": "-", "secret_access_key": "-"}
    checked = {name: _without_passwords(table) for name, table in tables.items()}
    try:
        return configuration.parse({"realms": checked, "aws": cloud})
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error.message}", hint=error.hint) from error


def _without_passwords(table: Mapping[str, Any]) -> dict[str, Any]:
    def person(value: Any) -> Any:
        if not isinstance(value, Mapping) or not isinstance(value.get("password"), str):
            return value
        return {key: item for key, item in value.items() if key != "password"} | (
            {"password_digest": _UNCHECKED} if "password_digest" not in value else {"password": "both"}
        )

    users = table.get("users")
    if not isinstance(users, Mapping):
        return dict(table)
    return {**table, "users": {name: person(value) for name, value in users.items()}}


def _filled(table: Mapping[str, Any], secret: Callable[[str], str]) -> dict[str, Any]:
    """With a secret for each client that needs one, and a password for each person."""
    found = dict(table)
    for key, needs, member, path in (
        ("clients", _needs_secret, "secret", "{}"),
        ("users", _needs_password, "password", "users/{}"),
    ):
        entries = table.get(key)
        if isinstance(entries, Mapping):
            found[key] = {
                name: {**entry, member: secret(path.format(name))} if needs(entry) else entry
                for name, entry in entries.items()
            }
    return found


def _below(secret: Callable[[str], str], folder: str) -> Callable[[str], str]:
    return lambda path: secret(folder + path)


def _needs_secret(client: Any) -> bool:
    if not isinstance(client, Mapping) or client.get("secret") or client.get("secret_digest"):
        return False
    return client.get("token_endpoint_auth_method", "") in ("", *SECRET_METHODS)


def _needs_password(user: Any) -> bool:
    return isinstance(user, Mapping) and not (user.get("password") or user.get("password_digest"))


def _each_text(value: Any, change: Callable[[str, str], str], where: str = "") -> Any:
    """A copy with every string changed; `change` is told where it stands."""
    if isinstance(value, str):
        return change(value, where)
    if isinstance(value, Mapping):
        return {key: _each_text(item, change, f"{where} {key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_each_text(item, change, where) for item in value]
    return value


def _resolving(values: Mapping[str, Any]) -> Callable[[str, str], str]:
    return lambda text, where: resolve(text, values, where=where)


def _stand_in(text: str, _where: str) -> str:
    """What could stand in place of references while their values are not known."""
    return _OTHERS.sub("later", _URLS.sub("http://127.0.0.1:1", text))
