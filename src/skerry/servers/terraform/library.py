"""HashiCorp's client, loaded when a server is made.

Its import reads TFE_TIMEOUT, TFE_VERIFY_TLS, TFE_MAX_RETRIES and SSL_CERT_FILE, and a configuration fills
what it is not told from TFE_ADDRESS and TFE_TOKEN. So every field is passed here, whatever the environment
says, and what the import cannot read ends the program in one line.
"""

from __future__ import annotations

from skerry.errors import ConfigurationError
from skerry.settings import TerraformSettings

try:
    from pytfe import TFEClient, TFEConfig, errors, models
    from pytfe.models.plan import Plan
    from pytfe.models.registry_provider import RegistryName as ProviderRegistry
except ValueError as error:
    raise ConfigurationError(
        f"pytfe cannot read its environment: {error}.",
        hint="Unset TFE_TIMEOUT and TFE_MAX_RETRIES; SKERRY_TERRAFORM_API_TIMEOUT is what counts here.",
    ) from error

__all__ = [
    "Plan",
    "ProviderRegistry",
    "TFEClient",
    "TFEConfig",
    "client",
    "configuration",
    "errors",
    "models",
]

AGENT = "skerry"


def configuration(settings: TerraformSettings, token: str) -> TFEConfig:
    """Every field of a client's configuration. Nothing is tried twice: a person decides about that."""
    return TFEConfig(
        address=settings.address,
        token=token,
        timeout=settings.api_timeout,
        verify_tls=settings.verify_tls and settings.address.startswith("https:"),
        user_agent_suffix=AGENT,
        max_retries=0,
        backoff_base=0.5,
        backoff_cap=8.0,
        backoff_jitter=True,
        http2=False,
        proxies=settings.proxy or None,
        ca_bundle=settings.ca_bundle or None,
    )


def client(settings: TerraformSettings, token: str) -> TFEClient:
    """A client for one call: none is kept, so no token can serve another caller."""
    made = TFEClient(configuration(settings, token))
    made.registry.base_url = settings.registry
    return made
