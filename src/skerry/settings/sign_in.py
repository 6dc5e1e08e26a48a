"""How a command that calls somebody signs in: the same flags and variables everywhere, in one table."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.errors import ConfigurationError
from skerry.settings.values import DEFAULT_STATE, switch

MAX_FILE = 65_536


@dataclass(frozen=True, slots=True)
class Row:
    """A flag, its variable, and what it says; a row without `metavar` is a switch."""

    flag: str
    variable: str
    help: str
    metavar: str = ""

    @property
    def name(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")


TABLE: tuple[Row, ...] = (
    Row("--issuer", "SKERRY_ISSUER", "the identity provider (default: the one the server names)", "URL"),
    Row("--client-id", "SKERRY_CLIENT_ID", "this client's id there (default: it registers itself)", "ID"),
    Row("--client-secret-file", "SKERRY_CLIENT_SECRET_FILE", "file with the client's secret", "FILE"),
    Row("--client-key-file", "SKERRY_CLIENT_KEY_FILE", "file with its private key, PEM or JWK", "FILE"),
    Row("--client-document", "SKERRY_CLIENT_DOCUMENT", "URL of the client's metadata document", "URL"),
    Row("--scope", "SKERRY_SCOPE", "scopes to ask for, with blanks between", "SCOPES"),
    Row("--audience", "SKERRY_AUDIENCE", "audience to ask for, where the provider wants one", "NAME"),
    Row("--redirect-port", "SKERRY_REDIRECT_PORT", "port of the redirect, where it is fixed", "PORT"),
    Row("--device", "SKERRY_DEVICE", "sign in by a code that is typed on another device"),
    Row("--assume-pkce", "SKERRY_ASSUME_PKCE", "trust the provider to do PKCE though it does not say so"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInSettings:
    """What a client and a person were told to sign in with; "" and 0 say nothing.

    `client_secret` and `client_key` are texts, out of files or, the secret, SKERRY_CLIENT_SECRET. `machine`:
    the client asks for itself. `tokens` is where sign-ins are kept, and their secrets too without a keyring,
    which SKERRY_KEYRING=0 switches off.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    client_document: str = ""
    scope: str = ""
    audience: str = ""
    redirect_port: int = 0
    device: bool = False
    assume_pkce: bool = False
    machine: bool = False
    tokens: Path = Path(DEFAULT_STATE, "tokens")
    keyring: bool = True

    @classmethod
    def of(
        cls, options: argparse.Namespace, env: Mapping[str, str], *, person: bool = False
    ) -> SignInSettings:
        """Settings from flags, and from the environment where they say nothing; `person`: somebody signs in.

        An issuer of the environment counts with a client there only: `skerry env` names the stack's. Raises
        ConfigurationError for a file that cannot be read or a port that is none.
        """
        said = {row.name: getattr(options, row.name, None) for row in TABLE}
        found = {row.name: said[row.name] or env.get(row.variable, "") for row in TABLE}
        if not said["issuer"] and not found["client_id"]:
            found["issuer"] = ""
        secret = _text(found["client_secret_file"]) or env.get("SKERRY_CLIENT_SECRET", "")
        if not found["client_id"]:
            secret = ""
        key = _text(found["client_key_file"])
        home = env.get("HOME") or env.get("USERPROFILE")
        data = env.get("XDG_DATA_HOME") or (f"{home}/.local/share" if home else DEFAULT_STATE)
        return cls(
            **{name: found[name] for name in ("issuer", "client_id", "client_document", "scope", "audience")},
            client_secret=secret,
            client_key=key,
            redirect_port=_port(found["redirect_port"]),
            device=found["device"] is True or switch(str(found["device"])),
            assume_pkce=found["assume_pkce"] is True or switch(str(found["assume_pkce"])),
            machine=bool(secret or key) and not person,
            tokens=Path(data, "skerry", "tokens"),
            keyring=env.get("SKERRY_KEYRING", "1") != "0",
        )


def add_sign_in(parser: argparse._ActionsContainer, *, without: Iterable[str] = ()) -> None:
    """The flags of the table, but for those that a command has a meaning of its own for."""
    for row in TABLE:
        if row.flag in without:
            continue
        told = f"{row.help} (env {row.variable})"
        if row.metavar:
            parser.add_argument(row.flag, default="", metavar=row.metavar, help=told)
        else:
            parser.add_argument(row.flag, action="store_true", help=told)


def _text(name: str) -> str:
    if not name:
        return ""
    try:
        with Path(name).expanduser().open(encoding="utf-8") as file:
            return file.read(MAX_FILE).strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"The file {name} cannot be read.") from problem


def _port(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or not 0 < int(text[:6]) < 65_536:
        raise ConfigurationError("--redirect-port is no port.", hint="Give a number from 1 to 65535.")
    return int(text)
