"""The `aws` backend: the request signed anew with the developer's own AWS credentials and passed through.

Neither request nor answer is read, so that every feature of a model comes through as it is. Unchecked against
real AWS: it was tried with a local server that verifies the signature.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.errors import ServiceError
from skerry.local.http.upstream import Reply, Upstream, UpstreamError
from skerry.local.ports.running import Clock
from skerry.settings import ModelsSettings

CARRIED = ("content-type", "x-amzn-errortype", "x-amzn-requestid", "retry-after")
"""Headers of AWS's answer that go back to the caller."""


class Relay:
    """Passes Converse, ConverseStream and ApplyGuardrail to Amazon Bedrock.

    `credentials` gives the developer's own credentials at each call, so that a refresh is picked up.
    """

    name = "aws"

    def __init__(
        self,
        *,
        settings: ModelsSettings,
        clock: Clock,
        upstream: Upstream,
        credentials: Callable[[], Awaitable[Credentials]],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._upstream = upstream
        self._credentials = credentials

    async def converse(self, action: str, model_id: str, body: bytes) -> Reply:
        """The answer of Bedrock to `action` (`converse`, `converse-stream`), as `forward` gives it."""
        return await self.forward(f"/model/{quote(self._settings.model or model_id, safe='')}/{action}", body)

    async def forward(self, path: str, body: bytes) -> Reply:
        """The answer of Bedrock to a POST, whatever its status; `path` is percent-encoded.

        Raises ServiceError (ServiceUnavailableException, ModelTimeoutException) when none comes, and
        SkerryError when there are no credentials.
        """
        settings = self._settings
        base = settings.url.rstrip("/") or f"https://bedrock-runtime.{settings.region}.amazonaws.com"
        url = f"{base}{path}"
        headers = {"content-type": "application/json", "accept": "application/json"}
        added = sign(
            "POST",
            url,
            headers,
            body,
            credentials=await self._credentials(),
            region=settings.region,
            service="bedrock",
            now=self._clock.time(),
        )
        try:
            return await self._upstream.request(
                "POST", url, {**headers, **added}, body, read=settings.timeout
            )
        except UpstreamError as problem:
            if problem.reason == "timeout":
                raise ServiceError("ModelTimeoutException", 408, f"Amazon Bedrock: {problem}") from problem
            raise ServiceError("ServiceUnavailableException", 503, f"Amazon Bedrock: {problem}") from problem
