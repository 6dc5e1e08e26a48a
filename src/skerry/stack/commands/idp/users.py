"""`skerry idp users`: the people of a realm. A password never stands in a command."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError, StateError
from skerry.idp.kept import granted
from skerry.idp.kept.records import Records
from skerry.idp.passwords import password_digest
from skerry.idp.realm import checks
from skerry.idp.realm.directory import Directory
from skerry.idp.realms import User
from skerry.stack.commands.idp.opened import opened
from skerry.stack.state import IDP_FILE

Answer = tuple[Mapping[str, Any], Iterable[str]]

LONGEST_PASSWORD = 1024


def _listing_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--show-passwords",
        action="store_true",
        help="also those that the stack made or skerry.toml holds; of others only a digest is kept",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the person signs in with")
    parser.add_argument("--group", action="append", default=[], help="a group of the person; repeatable")
    parser.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a claim of the person's tokens, such as email=ann@example.com; repeatable",
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--password-stdin", action="store_true", help="the password is standard input's first line"
    )
    given.add_argument(
        "--password-file", type=Path, metavar="FILE", help="the password is the first line of FILE"
    )


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the person signs in with")


def listing(options: argparse.Namespace) -> Answer:
    """Every person of the realm."""
    idp = opened(options.state, options.realm)
    found = {user.name: _facts(user, "configured") for user in idp.realm.users.values()}
    found |= {user.name: _facts(user, "added") for user in idp.directory(Directory.added_users)}
    if options.show_passwords:
        known = _passwords(options.state / IDP_FILE, idp.realm.name)
        for name, facts in found.items():
            facts["password"] = known.get(name) if facts["source"] == "configured" else None
    return {"realm": idp.realm.name, "users": list(found.values())}, map(_line, found.values())


def add(options: argparse.Namespace) -> Answer:
    """A new person, with a password that is asked for or read."""
    claims = dict(map(_claim, options.claim))
    idp = opened(options.state, options.realm)
    user = User(id=str(uuid.uuid4()), name=options.name, groups=tuple(options.group), claims=claims)
    checks.check_user(user, idp.realm)

    async def is_known(directory: Directory) -> bool:
        return await directory.user(user.name) is not None

    if idp.directory(is_known):
        raise ConfigurationError(
            f"the realm '{idp.realm.name}' has a person '{user.name}' already.",
            hint="Choose another name, or remove that one first.",
        )
    kept = User(
        id=user.id,
        name=user.name,
        groups=user.groups,
        claims=claims,
        password_digest=password_digest(_password(options)),
    )
    idp.directory(lambda directory: directory.keep_user(kept))
    return {"realm": idp.realm.name, **_facts(kept, "added")}, [f"added {kept.name} to {idp.realm.name}"]


def remove(options: argparse.Namespace) -> Answer:
    """Takes a person away that was added, and what they let clients do."""
    idp = opened(options.state, options.realm)
    if options.name in idp.realm.users:
        raise ConfigurationError(
            f"'{options.name}' is declared in skerry.toml.", hint="Remove the table there."
        )

    async def forget(records: Records) -> bool:
        directory = Directory(idp.realm, records)
        user = await directory.user(options.name)
        if user is not None:
            await directory.drop_user(user.name)
            await granted.end_all(records, subject=user.id)
        return user is not None

    if not idp.records(forget):
        raise ConfigurationError(
            f"the realm '{idp.realm.name}' has no person '{options.name}'.",
            hint="skerry idp users list shows them.",
        )
    return {"realm": idp.realm.name, "removed": options.name}, [
        f"removed {options.name} from {idp.realm.name}"
    ]


ACTIONS = {
    "list": (listing, "the people of the realm", _listing_options),
    "add": (add, "add a person; the password is asked for, or read from a file", _add_options),
    "remove": (remove, "remove a person who was added", _named),
}


def _passwords(file: Path, realm: str) -> Mapping[str, str]:
    """The passwords in the provider's file, which stays when the stack stops. Raises StateError."""
    try:
        people = json.loads(file.read_text(encoding="utf-8"))["realms"][realm].get("users", {})
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise StateError(f"{file} cannot be read.", hint="Start the stack again with: skerry up") from error
    return {name: person["password"] for name, person in people.items() if person.get("password")}


def _password(options: argparse.Namespace) -> str:
    """The password, from where the options say; a terminal is asked twice. Raises ConfigurationError."""
    if options.password_file is not None:
        try:
            with options.password_file.open(encoding="utf-8") as file:
                found = file.readline(LONGEST_PASSWORD + 2)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{options.password_file} cannot be read as a password.") from error
    elif options.password_stdin:
        found = sys.stdin.readline(LONGEST_PASSWORD + 2)
    elif sys.stdin.isatty():
        found = getpass.getpass("Password: ")
        if found != getpass.getpass("Once more: "):
            raise ConfigurationError("the two passwords differ.", hint="Try again.")
    else:
        raise ConfigurationError(
            "there is no terminal to ask for the password.",
            hint="Use --password-stdin or --password-file FILE.",
        )
    found = str(found).rstrip("\r\n")
    if not found or len(found) > LONGEST_PASSWORD:
        raise ConfigurationError(f"a password has 1 to {LONGEST_PASSWORD} characters.")
    return found


def _claim(text: str) -> tuple[str, Any]:
    """NAME=VALUE; a value that is JSON is that, any other a string."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ConfigurationError(f"--claim {name}: write NAME=VALUE, such as email=ann@example.com.")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def _facts(user: User, source: str) -> dict[str, Any]:
    return {
        "name": user.name,
        "sub": user.id,
        "source": source,
        "groups": list(user.groups),
        "claims": dict(user.claims),
        "enabled": user.enabled,
    }


def _line(facts: Mapping[str, Any]) -> str:
    state = "" if facts["enabled"] else "disabled  "
    shown = (
        f"{facts['name']:<24}  {facts['source']:<10}  {facts['sub']:<36}  {state}{' '.join(facts['groups'])}"
    )
    unknown = "(password: only its digest is kept)"
    password = (facts["password"] or unknown) if "password" in facts else ""
    return f"{shown}  {password}".rstrip()
