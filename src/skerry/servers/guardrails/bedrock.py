"""ApplyGuardrail through boto3: one client, calls in threads, failures as one line with the next move."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import anyio.to_thread
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from skerry.errors import RemoteError
from skerry.servers.aws_ops.failures import Call, code_of, explain
from skerry.settings import GuardrailsSettings
from skerry.wire import trace

CONNECT_TIMEOUT = 5

# What is said of an error code here; other codes have their row beside the AWS tools.
CODES: Mapping[str, tuple[str, str]] = {
    "AccessDeniedException": (
        "is denied",
        "Grant bedrock:ApplyGuardrail on the guardrail to the role or user that runs the server.",
    ),
    "ThrottlingException": ("is throttled", "Wait a little and repeat; send less text at once."),
    "ServiceQuotaExceededException": ("is over its quota", "Send less text, or raise the account's quota."),
    "ResourceNotFoundException": (
        "found no such guardrail or version",
        "Check GUARDRAILS_ID, its version and the region.",
    ),
    "InvalidSignatureException": ("was refused because the signature is wrong", "Check the secret key."),
    "UnrecognizedClientException": ("does not know the credentials", "Check the key, and the endpoint."),
}


class Bedrock:
    """Asks Bedrock. The client is made at the first call: reading its service model takes a while."""

    def __init__(self, settings: GuardrailsSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Any = None

    async def apply(
        self, guardrail: tuple[str, str], source: str, content: list[dict[str, Any]]
    ) -> Mapping[str, Any]:
        """The answer of ApplyGuardrail. Raises RemoteError."""
        request = {
            "guardrailIdentifier": guardrail[0],
            "guardrailVersion": guardrail[1],
            "source": source,
            "content": content,
        }
        return await anyio.to_thread.run_sync(self._apply, request)

    def close(self) -> None:
        """Closes the client's connections."""
        if self._client is not None:
            self._client.close()

    def _apply(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = self._made().apply_guardrail(**request)
        except (BotoCoreError, ClientError) as error:
            raise self._explained(error) from error
        return answer

    def _made(self) -> Any:
        with self._lock:
            if self._client is None:
                config = Config(
                    connect_timeout=CONNECT_TIMEOUT,
                    read_timeout=self._settings.timeout,
                    retries={"total_max_attempts": 2, "mode": "standard"},
                )
                session = boto3.Session(region_name=self._settings.region)
                self._client = session.client("bedrock-runtime", config=config)
                self._client.meta.events.register("before-send", trace.mark)
            return self._client

    def _explained(self, error: Exception) -> RemoteError:
        call = Call("bedrock", "ApplyGuardrail", self._settings.region)
        code = code_of(error)
        if code in CODES:
            what, hint = CODES[code]
            return RemoteError(f"{call} {what} ({code}).", hint=hint)
        return explain(error, call)
