"""The endpoint's control plane, as the stack uses it: boto3's calls, with errors that name the file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ConfigurationError
from skerry.stack.resources import IN_TRANSITION
from skerry.wire.hop import LOOKS

PATIENCE, PAUSE, LONGEST = 90.0, 0.02, 0.3
"""Seconds to wait for the end of a transition, and between two looks: at first, and at most."""


class Control:
    """A client of the control plane. Synchronous: use it in a thread."""

    def __init__(self, endpoint: str, region: str, credentials: Credentials) -> None:
        session = botocore.session.Session()
        self.client: Any = session.create_client(
            "bedrock-agentcore-control",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            config=Config(
                retries={"total_max_attempts": 1}, parameter_validation=True, user_agent_extra=LOOKS
            ),
        )

    def by_name(
        self, operation: str, member: str, key: str, **arguments: str
    ) -> dict[str, Mapping[str, Any]]:
        """Everything that a List operation lists, by a member of each."""
        return {item[key]: item for item in self.listed(operation, member, **arguments)}

    def listed(self, operation: str, member: str, **arguments: str) -> list[Mapping[str, Any]]:
        """Everything that a List operation lists."""
        pages: Iterable[Mapping[str, Any]] = self.client.get_paginator(operation).paginate(**arguments)
        return [item for page in pages for item in page[member]]

    def found(self, operation: str, **where: str) -> Mapping[str, Any]:
        """What a Get operation gives; nothing when the resource is gone."""
        try:
            found: Mapping[str, Any] = getattr(self.client, operation)(**where)
        except self.client.exceptions.ResourceNotFoundException:
            return {}
        return found

    def settled(
        self, operation: str, found: Mapping[str, Any], where: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """The resource when it takes writes again; asks for it while it is in transition."""
        end, pause = time.monotonic() + PATIENCE, PAUSE
        while found["status"] in IN_TRANSITION and time.monotonic() < end:
            found = getattr(self.client, operation)(**where)
            if found["status"] in IN_TRANSITION:
                time.sleep(pause)
                pause = min(2 * pause, LONGEST)
        return found

    def gone(self, operation: str, where: Mapping[str, str]) -> None:
        """Waits until a deleted resource is no longer found."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                getattr(self.client, operation)(**where)
            except self.client.exceptions.ResourceNotFoundException:
                return
            time.sleep(PAUSE)


@contextmanager
def declared(file: Path, where: str) -> Iterator[None]:
    """What the control plane refuses in the block is an error of the table `where` in `file`.

    Raises ConfigurationError in place of botocore's ClientError and ParamValidationError.
    """
    try:
        yield
    except ClientError as error:
        answer = error.response["Error"]
        raise ConfigurationError(f"{file}: {where} is refused: {answer['Message'].rstrip('.')}.") from error
    except ParamValidationError as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{file}: {where} is refused: {reason.rstrip('.')}.") from error
