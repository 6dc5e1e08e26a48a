"""What a grant is given and what it must offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from skerry.idp.form import Form
from skerry.idp.issuance import Issuance
from skerry.idp.issuer import Issuer
from skerry.idp.realms import Client


@dataclass(frozen=True, slots=True)
class Ask:
    """A token request of an authenticated client that may use the grant."""

    client: Client
    form: Form
    issuer: Issuer


class Grant(Protocol):
    """One way to get a token."""

    @property
    def grant_type(self) -> str:
        """The value of `grant_type` that this grant recognises as its own."""
        ...

    @property
    def operation(self) -> str:
        """Its short name, for the recorder and for configuration files."""
        ...

    async def decide(self, ask: Ask) -> Issuance:
        """What to issue. Raises OAuthError."""
        ...
