"""Clients of the account that botocore's chain has credentials for, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from skerry.auth.aws import chain_errors
from skerry.auth.ports import Origin
from skerry.errors import ConfigurationError, RemoteError
from skerry.settings.deploy import is_here
from skerry.wire.shown import safe

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who deploys: the account, the ARN of the caller, the region and its partition."""

    account: str
    arn: str
    region: str

    @property
    def partition(self) -> str:
        return self.arn.split(":")[1] or "aws"


class Account:
    """The account of a profile, or of the environment. Clients are made when they are needed."""

    def __init__(self, *, profile: str = "", region: str = "") -> None:
        self._session = botocore.session.Session(profile=profile or None)
        self._region = region
        self._origin = Origin("sigv4", f"the profile '{profile}'" if profile else "the environment")
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A client of a service, the same each time. Raises ConfigurationError without a region."""
        if service not in self._clients:
            with told("AWS's clients", self._origin):
                self._clients[service] = self._made(service)
        return self._clients[service]

    @property
    def endpoint(self) -> str:
        """Where CloudFormation is."""
        return str(self.client("cloudformation").meta.endpoint_url)

    def identity(self) -> Identity:
        """Who deploys. Raises ConfigurationError without credentials, RemoteError for bad ones."""
        client = self.client("sts")
        with told("GetCallerIdentity", self._origin):
            found = client.get_caller_identity()
        return Identity(found["Account"], found["Arn"], str(client.meta.region_name))

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Botocore's errors in the block, of the call `what`, as skerry's."""
        with told(what, self._origin):
            yield

    def _made(self, service: str) -> Any:
        retries: Any = {"mode": "standard", "total_max_attempts": 5}
        config = Config(retries=retries, read_timeout=120)
        made = self._session.create_client(service, region_name=self._region or None, config=config)
        if service != "s3" or not is_here(str(made.meta.endpoint_url)):
            return made
        config = config.merge(
            Config(s3={"addressing_style": "path"})
        )  # buckets have no hosts of their own here
        return self._session.create_client(service, region_name=self._region or None, config=config)


@contextmanager
def told(what: str, origin: Origin) -> Iterator[None]:
    """Botocore's errors in the block as skerry's: a ConfigurationError where a person must act first."""
    try:
        yield
    except NoCredentialsError as error:
        raise ConfigurationError("No AWS credentials were found.", hint=chain_errors.NONE_FOUND) from error
    except NoRegionError as error:
        raise ConfigurationError(
            "no AWS region is set.", hint="Name it with --region, AWS_REGION or in the profile."
        ) from error
    except ClientError as error:
        raise _refused(what, error) from error
    except EndpointConnectionError as error:
        raise RemoteError(
            f"nobody answers at {safe(str(error.kwargs.get('endpoint_url', '')))}.",
            hint="Is AWS_ENDPOINT_URL of a stack that has ended? Unset it, or start the stack: skerry up.",
        ) from error
    except BotoCoreError as error:
        raise chain_errors.explained(error, origin) from error


def _refused(what: str, error: ClientError) -> RemoteError:
    found = error.response.get("Error", {})
    code, text = str(found.get("Code", "")), safe(str(found.get("Message", ""))).rstrip(".")
    if code in _DENIED:
        hint = f"Allow {what} to whoever deploys, or have CloudFormation take a role: --role-arn."
    elif code in _EXPIRED:
        hint = f"The credentials have ended. {chain_errors.NONE_FOUND}"
    else:
        hint = ""
    return RemoteError(f"AWS refuses {what} ({safe(code)}): {text}.", hint=hint)


def code_of(error: ClientError) -> str:
    """AWS's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))
