"""Terraform as the tools reach it: pytfe in threads, and what pytfe does not do itself (logs, providers).

At most `concurrency` calls are under way at a time, each with a client of its own; a thread that nobody
waits for any more still counts until its time is over.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
from pydantic import ValidationError

from skerry.servers.terraform import failures, library
from skerry.servers.terraform.checks import check_addresses
from skerry.servers.terraform.library import TFEClient, errors
from skerry.settings import TerraformSettings

MAX_LOG = 4_194_304
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Cloud:
    """Terraform at the address of the settings. `close` it when done."""

    settings: TerraformSettings
    http: httpx2.AsyncClient
    pool: ThreadPoolExecutor

    @classmethod
    def of(cls, settings: TerraformSettings) -> Cloud:
        """Raises ConfigurationError for addresses that a token must not be sent to."""
        check_addresses(settings)
        http = httpx2.AsyncClient(
            trust_env=False,
            timeout=settings.api_timeout,
            verify=settings.ca_bundle or settings.verify_tls,
            proxy=settings.proxy or None,
        )
        pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="terraform")
        return cls(settings, http, pool)

    async def close(self) -> None:
        """Lets go of connections, and of threads as they end."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        await self.http.aclose()

    async def call(self, token: str, work: Callable[[TFEClient], Value], *, writes: bool = False) -> Value:
        """What `work` gives, with a client for this token and this call. Raises TerraformError."""

        def run() -> Value:
            with library.client(self.settings, token) as client:
                return work(client)

        try:
            async with asyncio.timeout(self.settings.call_timeout):
                return await asyncio.get_running_loop().run_in_executor(self.pool, run)
        except TimeoutError as error:
            raise failures.timed_out(self.settings.call_timeout, writes=writes) from error
        except (errors.TFEError, ValidationError, ValueError, KeyError, AttributeError, TypeError) as error:
            # pytfe checks arguments with ValueError, and trips over answers that lack a member.
            raise failures.told(error, token=token, writes=writes) from error

    async def log(self, url: str) -> str:
        """The end of a log that Terraform keeps behind a secret URL, as plain text.

        The URL is a secret by itself: it goes into no error, and no token goes to it.
        """
        parts, home = urlsplit(url), urlsplit(self.settings.address)
        if parts.scheme != "https" and (parts.scheme, parts.netloc) != (home.scheme, home.netloc):
            raise failures.TerraformError(
                "Terraform keeps this log at a place that is not safe to read from."
            )
        found = await self._fetch(url)
        return _ANSI.sub("", found.decode(errors="replace"))

    async def provider_versions(self, namespace: str, name: str) -> list[str]:
        """The versions of a provider in the public registry, by the provider registry protocol."""
        url = f"{self.settings.registry}/v1/providers/{namespace}/{name}/versions"
        try:
            listed = json.loads(await self._fetch(url))["versions"]
            return [str(item["version"]) for item in listed]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise failures.TerraformError(
                "The registry answered in a shape that this server does not know."
            ) from error

    async def _fetch(self, url: str) -> bytes:
        """The body behind a URL that needs no token; of one that is too long, the end."""
        found = bytearray()
        try:
            async with self.http.stream("GET", url) as answer:
                if answer.status_code == 404:
                    raise failures.TerraformError(
                        "It is not there (404).", status=404, hint="Check the name."
                    )
                if answer.status_code != 200:
                    raise failures.TerraformError(f"It cannot be read ({answer.status_code}).")
                async for chunk in answer.aiter_bytes():
                    found += chunk
                    if len(found) > 2 * MAX_LOG:
                        del found[:-MAX_LOG]
        except httpx2.HTTPError as error:
            raise failures.TerraformError(f"It cannot be read ({type(error).__name__}).") from error
        return bytes(found[-MAX_LOG:])
