"""`skerry web`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from skerry.errors import ConfigurationError

DEFAULT_WEB_PORT = 8501
DEFAULT_SCOPE = "openid profile email"
TOKENS = ("access", "id")

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True, slots=True)
class WebSettings:
    """What `skerry web` takes from the environment beside what every chat takes.

    With `issuer` (SKERRY_WEB_ISSUER) people sign in with OpenID Connect as the client `client_id`
    (SKERRY_WEB_CLIENT_ID, SKERRY_WEB_CLIENT_SECRET), and the agent gets their token: the one that `token`
    (SKERRY_WEB_TOKEN) names, access or id. `scope` is SKERRY_WEB_SCOPE.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = DEFAULT_SCOPE
    token: str = "access"  # noqa: S105  (the name of a kind)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> WebSettings:
        """Settings from the environment. Raises ConfigurationError when the sign-in is only half set up."""
        issuer = env.get("SKERRY_WEB_ISSUER", "").rstrip("/")
        settings = cls(
            issuer=issuer,
            client_id=env.get("SKERRY_WEB_CLIENT_ID", ""),
            client_secret=env.get("SKERRY_WEB_CLIENT_SECRET", ""),
            scope=env.get("SKERRY_WEB_SCOPE") or DEFAULT_SCOPE,
            token=env.get("SKERRY_WEB_TOKEN") or "access",
        )
        settings._check()
        return settings

    def _check(self) -> None:
        if self.token not in TOKENS:
            raise ConfigurationError(
                f"SKERRY_WEB_TOKEN is '{self.token}'.", hint=f"Take one of {', '.join(TOKENS)}."
            )
        given = {
            "SKERRY_WEB_ISSUER": self.issuer,
            "SKERRY_WEB_CLIENT_ID": self.client_id,
            "SKERRY_WEB_CLIENT_SECRET": self.client_secret,
        }
        missing = [name for name, value in given.items() if not value]
        if missing and len(missing) < len(given):
            raise ConfigurationError(
                f"{missing[0]} is not set.",
                hint=f"Sign-in needs {', '.join(given)}; without all of them the chat signs with SigV4.",
            )
        if self.issuer:
            url = urlsplit(self.issuer)
            if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
                raise ConfigurationError(
                    f"SKERRY_WEB_ISSUER is '{self.issuer}'.",
                    hint="It must be an https URL, or http on this machine.",
                )
        if "openid" not in self.scope.split():
            raise ConfigurationError(f"SKERRY_WEB_SCOPE is '{self.scope}'.", hint="It must hold openid.")
