"""Consents on their way: one session URI each, for ten minutes.

    waiting ──link opened──▶ open ──browser back──▶ returned ──completed by the same person──▶ done
       └──────────┴──────refused, or somebody else──┴──▶ failed

Source: AgentCore developer guide, "OAuth 2.0 authorization URL session binding".
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from skerry.local.identity.settings import IdentitySettings
from skerry.local.identity.vault_file import VaultFile, digest
from skerry.local.ports.running import Clock
from skerry.local.ports.tokens import TokenAsk

PREFIX = "urn:ietf:params:oauth:request_uri:"
Status = Literal["waiting", "open", "returned", "done", "failed"]
_ROW = "consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One consent. `key` is that of the token which it is about, `version` that of the provider.

    One that was `forced` is for a new token, whatever the vault has already.
    `state` and `browser` are digests of what the authorization server and the browser bring back, `issuer` is
    who must have answered; they are new at each opening of the link.
    """

    id: str
    key: str
    ask: TokenAsk
    version: str
    until: float
    forced: bool = False
    status: Status = "waiting"
    state: str = ""
    browser: str = ""
    verifier: str = field(default="", repr=False)
    issuer: str = ""
    code: str = field(default="", repr=False)

    @property
    def uri(self) -> str:
        """The session URI."""
        return PREFIX + self.id

    def ended(self, status: Literal["done", "failed"]) -> Consent:
        """The same without what it needed until now."""
        return replace(self, status=status, state="", browser="", verifier="", code="")


class Consents:
    """All consents of the stack; rows of the vault's file."""

    def __init__(self, file: VaultFile, clock: Clock, settings: IdentitySettings) -> None:
        self._file = file
        self._clock = clock
        self._endpoint = settings.endpoint
        self._life = settings.table.session_life

    def url(self, consent: Consent) -> str:
        """The link that the person opens: it names the consent and nothing else."""
        quoted = consent.uri.replace(":", "%3A")
        return f"{self._endpoint}/identities/oauth2/authorize?request_uri={quoted}"

    async def begin(self, ask: TokenAsk, key: str, version: str) -> Consent:
        """A new consent. Raises StateError."""
        await self._forget()
        fresh = Consent(
            id=secrets.token_urlsafe(32),
            key=key,
            ask=replace(ask, user_token="", session_uri="", force=False),
            version=version,
            until=self._clock.time() + self._life,
            forced=ask.force,
        )
        await self.put(fresh)
        return fresh

    def find(self, uri: str) -> Consent | None:
        """The consent of a session URI. One whose time is over has failed, unless it is done."""
        row = self._file.get(_ROW, digest(uri.removeprefix(PREFIX)))
        if row is None or not uri.startswith(PREFIX):
            return None
        found = _read(row)
        over = self._clock.time() >= found.until and found.status != "done"
        return found.ended("failed") if over else found

    def by_state(self, state: str) -> Consent | None:
        """The open consent whose `state` an authorization server brought back."""
        wanted = digest(state)
        for _, row in self._file.items(_ROW):
            if hmac.compare_digest(str(row["state"]), wanted):
                found = self.find(PREFIX + row["id"])
                return found if found is not None and found.status == "open" else None
        return None

    async def put(self, consent: Consent) -> None:
        """Stores a consent as it is now. Raises StateError."""
        await self._file.put(_ROW, digest(consent.id), asdict(consent))

    async def _forget(self) -> None:
        """Drops what is over for so long that nobody asks for it any more."""
        before = self._clock.time() - self._life
        for key, row in self._file.items(_ROW):
            if row["until"] < before:
                await self._file.put(_ROW, key, None)


def _read(row: Mapping[str, Any]) -> Consent:
    ask = row["ask"]
    lists = {name: tuple(ask[name]) for name in ("scopes", "resources", "audiences")}
    pairs = tuple((name, value) for name, value in ask["custom_parameters"])
    return Consent(**{**row, "ask": TokenAsk(**{**ask, **lists, "custom_parameters": pairs})})
