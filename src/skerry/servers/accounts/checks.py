"""Which settings of the accounts server cannot work.

They are looked at before FastMCP is imported, which takes a second: so nothing here imports it.
"""

from __future__ import annotations

from skerry.errors import ConfigurationError
from skerry.settings import AccountsSettings


def check(settings: AccountsSettings) -> None:
    """Raises ConfigurationError for a setting that is missing."""
    for name in ("issuer", "api_url", "client_secret"):
        if not getattr(settings, name):
            raise ConfigurationError(
                f"the accounts server does not know its {name.replace('_', ' ')}.",
                hint=f"Set ACCOUNTS_{name.upper()}.",
            )
