"""Which settings of the Terraform server cannot work.

They are looked at before FastMCP and pytfe are imported, which takes seconds: so nothing here imports them.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from skerry.errors import ConfigurationError
from skerry.settings import TerraformSettings

MIN_SECRET = 32
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check(settings: TerraformSettings, *, served: bool) -> None:
    """Raises ConfigurationError for settings that cannot work; `served`: over HTTP, not stdio."""
    check_server(settings, served=served)
    check_state(settings)
    check_addresses(settings)


def check_server(settings: TerraformSettings, *, served: bool) -> None:
    """Raises ConfigurationError where callers could not be told apart, or none be served."""
    if served and not settings.issuer:
        raise ConfigurationError(
            "the terraform server does not know whose tokens to take.",
            hint="Set SKERRY_TERRAFORM_ISSUER to the issuer's URL.",
        )
    if settings.concurrency < 1:
        raise ConfigurationError("SKERRY_TERRAFORM_CONCURRENCY must be at least 1.")


def check_state(settings: TerraformSettings) -> None:
    """Raises ConfigurationError, which never shows the address of the store."""
    for given in settings.state_key:
        if len(given) < MIN_SECRET:
            raise ConfigurationError(
                f"SKERRY_TERRAFORM_STATE_KEY needs at least {MIN_SECRET} characters.",
                hint='Make one: python -c "import secrets; print(secrets.token_urlsafe(32))"',
            )
    if settings.state == "memory":
        return
    parts = urlsplit(settings.state)
    if parts.scheme not in ("redis", "rediss", "dynamodb"):
        raise ConfigurationError(
            "SKERRY_TERRAFORM_STATE is none of memory, redis://…, rediss://… and dynamodb://TABLE."
        )
    if not settings.state_key:
        raise ConfigurationError(
            "session state that leaves the process holds tokens and must be encrypted.",
            hint="Set SKERRY_TERRAFORM_STATE_KEY to a secret of at least 32 characters.",
        )
    strange = set(parse_qs(parts.query)) - {"region", "endpoint_url", "create"}
    if parts.scheme == "dynamodb" and (not parts.netloc or strange):
        raise ConfigurationError(
            "SKERRY_TERRAFORM_STATE is no DynamoDB address.",
            hint="Write dynamodb://TABLE?region=REGION, with endpoint_url=URL and create=1 where needed.",
        )


def check_addresses(settings: TerraformSettings) -> None:
    """Raises ConfigurationError for addresses that a token must not be sent to."""
    for name, url in (("TFE_ADDRESS", settings.address), ("SKERRY_TERRAFORM_REGISTRY", settings.registry)):
        _check_address(name, url)
    if settings.address.startswith("http:") and (settings.environment_proxy or settings.proxy):
        raise ConfigurationError(
            "TFE_ADDRESS is on this machine, but an HTTP proxy would be sent the token.",
            hint="Set NO_PROXY=127.0.0.1,localhost and leave SKERRY_TERRAFORM_PROXY out.",
        )


def _check_address(name: str, url: str) -> None:
    """A token is sent over TLS, or not beyond this machine."""
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.scheme == "https" or plain) or not parts.hostname:
        raise ConfigurationError(
            f"{name} must begin with https:// (http:// is for this machine alone).",
            hint="HCP Terraform is at https://app.terraform.io.",
        )
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(f"{name} is scheme, host and port alone.", hint="Leave out the path.")
