"""Calls of Lambda functions by a stack, with botocore's client: for custom resources."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from skerry.local.aws.cloudformation.acting import Acting
from skerry.local.aws.cloudformation.custom import CustomResourceError, ended_with_an_error, region

READ_TIMEOUT = 930
"""Seconds, a little more than a function may run."""
PATIENCE = 30
"""Times that a call is made again, a second later, while the function has no room for it."""


class Invoke(Protocol):
    """Functions, as the custom resources of a stack use them."""

    url: str
    """Of the endpoint, where answers are put."""

    def __call__(self, token: str, event: Mapping[str, Any]) -> None:
        """Runs a function, and returns when it has ended well. Raises CustomResourceError."""
        ...


class FunctionCalls:
    """Implements `Invoke` over HTTP, signed by the stack's principal."""

    def __init__(self, acting: Acting, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.url = acting.url
        self._acting = acting
        self._pause = pause

    def __call__(self, token: str, event: Mapping[str, Any]) -> None:
        """Runs the function; a call that may have run it is never made again."""
        import botocore.exceptions

        client, payload = self._client(region(token)), json.dumps(event).encode()
        for left in reversed(range(PATIENCE + 1)):
            try:
                reply = client.invoke(FunctionName=token, Payload=payload)
                break
            except botocore.exceptions.ClientError as error:
                shown = error.response.get("Error", {})
                code = str(shown.get("Code", ""))
                if code != "TooManyRequestsException" or not left:
                    raise CustomResourceError(
                        f"{token} cannot be invoked: {shown.get('Message', code)} ({code})", ran=False
                    ) from error
                self._pause(1.0)
            except botocore.exceptions.BotoCoreError as error:
                raise CustomResourceError(f"{token} did not answer: {error}") from error
        found = reply["Payload"].read()
        if reply.get("FunctionError"):
            raise ended_with_an_error(token, found)

    def _client(self, region_name: str) -> Any:
        import botocore.session
        from botocore.config import Config

        acting = self._acting
        return botocore.session.Session().create_client(
            "lambda",
            region_name=region_name,
            endpoint_url=acting.url,
            aws_access_key_id=acting.access_key_id,
            aws_secret_access_key=acting.secret,
            aws_session_token=acting.token or None,
            config=Config(
                proxies={},  # it is on this machine, whatever the environment says of proxies
                read_timeout=READ_TIMEOUT,
                retries={"total_max_attempts": 1},
            ),
        )
