"""The process of the embedded cloud, seen from the endpoint: start it, ask it about keys, end it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from skerry.errors import ProgramError, RemoteError, ServiceError
from skerry.local.aws.questions import (
    FUNCTIONS_PATH,
    KEYS_PATH,
    OBSERVED_PATH,
    OWN_HEADER,
    POLICIES_PATH,
    PRINCIPALS_PATH,
    RESPONSES_PATH,
    SECRET_HEADER,
    STACKS_PATH,
    WORKS_PATH,
)
from skerry.local.aws.seeds import Call
from skerry.local.http.upstream import Upstream, UpstreamError
from skerry.local.iam.access import Key
from skerry.local.ports.secrets import SecretReference
from skerry.local.state import private

START_TIMEOUT = 30.0
STOP_TIMEOUT = 2.0
OBJECT_LIMIT = 250 << 20
SECRET_LIMIT = 1 << 20
POLICIES_LIMIT = 4 << 20

_KMS_ALGORITHMS = {
    "RS256": "RSASSA_PKCS1_V1_5_SHA_256",
    "PS256": "RSASSA_PSS_SHA_256",
    "ES256": "ECDSA_SHA_256",
}
_log = logging.getLogger("skerry.local.aws")


class AwsProcess:
    """`python -m skerry.local.aws.moto_server`.

    Implements `access.KeySource`, `principals.PrincipalSource`, `stored_policies.PolicySource` and
    `ports.FunctionSource`.

    `start` first, `stop` last.

    `inherited` is the environment that the process gets besides its own settings.
    """

    def __init__(self, upstream: Upstream, *, region: str, inherited: Mapping[str, str], log: Path) -> None:
        self._upstream = upstream
        self._region = region
        self._inherited = inherited
        self._log_path = log
        self._secret = secrets.token_urlsafe(32)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._base = ""
        self.seeded = asyncio.Event()
        """Set when the seeds are in that requests of all services wait for."""
        self._rest: asyncio.Task[None] | None = None

    async def start(self, seeds: Sequence[Call]) -> None:
        """Starts the process and returns when it listens. Raises ProgramError when it does not."""
        private.folder(self._log_path.parent)
        with private.appending(self._log_path) as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "skerry.local.aws.moto_server",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**self._inherited, "MOTO_DISABLE_GLOBAL_CORS": "true", "PYTHONUNBUFFERED": "1"},
                # A Ctrl-C in the terminal is for the endpoint, which then ends this process.
                start_new_session=sys.platform != "win32",
            )
        assert self._process.stdin is not None
        parameters = {
            "secret": self._secret,
            "region": self._region,
            "seeds": [asdict(call) for call in seeds],
        }
        self._process.stdin.write(json.dumps(parameters).encode() + b"\n")
        first = await self._line(START_TIMEOUT)
        self._base = f"http://127.0.0.1:{first['port']}"
        self._reader = asyncio.create_task(self._read_seeded())

    async def stop(self) -> None:
        """Ends the process; safe to call twice."""
        for task in (self._reader, self._rest):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    def url(self, path_and_query: str) -> str:
        """The URL of a path in the embedded cloud."""
        return self._base + path_and_query

    def guarded(self) -> tuple[str, str]:
        """The header that lets a request in."""
        return (SECRET_HEADER, self._secret)

    async def key(self, access_key_id: str) -> Key | None:
        """What IAM and STS there know of an access key. Raises ServiceError (503) when it does not answer."""
        known = await self._known(KEYS_PATH, access_key_id)
        return None if known is None else Key(**known)

    async def principal(self, arn: str) -> dict[str, Any] | None:
        """What IAM there knows of a role, a user or a managed policy: see `principals`.

        Raises ServiceError (503) when it does not answer.
        """
        known: dict[str, Any] | None = await self._known(PRINCIPALS_PATH, arn)
        return known

    async def stack(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """What a stack is made of: see `stacks.described`. Raises ServiceError (503)."""
        return await self._known(STACKS_PATH, "", json.dumps(asked).encode()) or {}

    async def stack_done(self, work: str) -> None:
        """Returns when a work on a stack is over, or when nothing answers any more."""
        with contextlib.suppress(ServiceError):
            await self._known(WORKS_PATH, work)

    async def custom_response(self, token: str, body: bytes | None) -> bool:
        """Brings the answer of a custom resource, None for one that is too long; whether somebody awaits it.

        Raises ServiceError (503).
        """
        given = {"token": token, "body": None if body is None else body.decode("utf-8", "replace")}
        return bool(await self._known(RESPONSES_PATH, "", json.dumps(given).encode()))

    async def policies(self, asked: Sequence[Mapping[str, str]]) -> list[list[dict[str, Any]]]:
        """The policies that resources there have: see `policies.stored`. Raises ServiceError (503)."""
        return await self._known(POLICIES_PATH, "", json.dumps(asked).encode()) or []

    async def function(self, asked: Mapping[str, str]) -> dict[str, Any] | None:
        """A version of a function of Lambda: see `functions.described`. Raises ServiceError (503)."""
        body = json.dumps({**asked, "do": "describe"}).encode()
        found: dict[str, Any] | None = await self._known(FUNCTIONS_PATH, "", body)
        return found

    async def function_code(self, asked: Mapping[str, str]) -> bytes:
        """The zip of a version of a function; empty when it has none. Raises ServiceError (503)."""
        body = json.dumps({**asked, "do": "code"}).encode()
        return await self._told(FUNCTIONS_PATH, "", body, limit=OBJECT_LIMIT)

    async def keep_function_policy(
        self, asked: Mapping[str, str], resource: str, statements: list[Any]
    ) -> None:
        """Puts the statements of a function's policy for one ARN in the place of those before.

        Raises ServiceError (503).
        """
        given = {**asked, "do": "policy", "resource": resource, "statements": statements}
        await self._known(FUNCTIONS_PATH, "", json.dumps(given).encode())

    async def observe(self, body: bytes) -> None:
        """Puts metrics and logs into CloudWatch there; `body` is the argument of `observed.write` as JSON.

        Raises UpstreamError, and RemoteError when they are not taken.
        """
        own = [self.guarded(), (OWN_HEADER, self._secret)]
        reply = await self._upstream.request("POST", self.url(OBSERVED_PATH), own, body, read=START_TIMEOUT)
        await reply.read(POLICIES_LIMIT)
        if reply.status != 200:
            raise RemoteError(
                f"The embedded cloud answers {reply.status} to metrics and logs.",
                hint=f"Its log: {self._log_path}",
            )

    async def _known(self, path: str, name: str, body: bytes = b"") -> Any:
        return json.loads(await self._told(path, name, body, limit=POLICIES_LIMIT))

    async def _told(self, path: str, name: str, body: bytes, *, limit: int) -> bytes:
        try:
            reply = await self._upstream.request(
                "POST" if body else "GET",
                self.url(path + quote(name, safe="")),
                [self.guarded(), (OWN_HEADER, self._secret)],
                body,
            )
            return await reply.read(limit)
        except UpstreamError as error:
            raise ServiceError(
                "ServiceUnavailable",
                503,
                "The embedded cloud, which knows the keys and policies made through IAM, does not answer.",
            ) from error

    def scope(self, service: str, region: str = "") -> tuple[str, str]:
        """What tells moto the service and that the request is signed, which moto does not check.

        Without it an object of S3 is for the anonymous, who may read public ones only.
        """
        credential = (
            f"Credential=AKIASKERRYOWN0000000/20260101/{region or self._region}/{service}/aws4_request"
        )
        return ("Authorization", f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0")

    async def fetch_object(self, bucket: str, key: str, version: str, *, limit: int = OBJECT_LIMIT) -> bytes:
        """An object of the embedded cloud's S3, for runtimes and targets whose code or schema is there.

        Version "" is the newest. Raises RemoteError when there is none or it has more than `limit` bytes, and
        UpstreamError.
        """
        query = f"?versionId={quote(version, safe='')}" if version else ""
        url = self.url(f"/{quote(bucket, safe='')}/{quote(key)}{query}")
        reply = await self._upstream.request("GET", url, [self.guarded(), self.scope("s3")])
        try:
            content = await reply.read(limit)
        except UpstreamError as problem:
            if problem.reason != "size":
                raise
            raise RemoteError(f"s3://{bucket}/{key} has more than {limit} bytes.") from problem
        if reply.status != 200:
            raise RemoteError(
                f"s3://{bucket}/{key} cannot be read: status {reply.status}.",
                hint="Was it uploaded to this stack?",
            )
        return content

    async def fetch_secret(self, reference: SecretReference) -> str:
        """A value of the embedded cloud's Secrets Manager: a string in the JSON object that a secret holds.

        Raises RemoteError when there is none, and UpstreamError. No error holds what the secret holds.
        """
        try:
            value = json.loads(await self.secret_text(reference.id))[reference.key]
        except (ValueError, KeyError, TypeError):
            value = None
        if not isinstance(value, str) or not value:
            raise RemoteError(
                f"The secret {reference.id} is no JSON object with a text under {reference.key!r}.",
                hint="The secret's value is a JSON object; jsonKey names one of its members.",
            )
        return value

    async def secret_text(self, name: str) -> str:
        """The whole text of a secret, by its name or ARN. Raises as `fetch_secret` does."""
        headers = [
            self.guarded(),
            self.scope("secretsmanager"),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", "secretsmanager.GetSecretValue"),
        ]
        body = json.dumps({"SecretId": name}).encode()
        reply = await self._upstream.request("POST", self.url("/"), headers, body)
        answer = await reply.read(SECRET_LIMIT)
        if reply.status != 200:
            raise RemoteError(
                f"The secret {name} cannot be read from Secrets Manager: status {reply.status}.",
                hint="Was it made in this stack, and not deleted?",
            )
        try:
            return str(json.loads(answer)["SecretString"])
        except (ValueError, KeyError, TypeError) as problem:
            raise RemoteError(
                f"The secret {name} holds no text.", hint="Store it as a SecretString, not as binary."
            ) from problem

    async def sign(self, key_arn: str, algorithm: str, message: bytes) -> bytes:
        """A JWS signature (RS256, PS256 or ES256) of a message by a key in the embedded cloud's KMS.

        Raises RemoteError when the key is not there or is none for that algorithm, and UpstreamError.
        """
        headers = [
            self.guarded(),
            self.scope("kms"),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", "TrentService.Sign"),
        ]
        body = {
            "KeyId": key_arn,
            "Message": base64.b64encode(message).decode("ascii"),
            "MessageType": "RAW",
            "SigningAlgorithm": _KMS_ALGORITHMS[algorithm],
        }
        reply = await self._upstream.request("POST", self.url("/"), headers, json.dumps(body).encode())
        answer = await reply.read(SECRET_LIMIT)
        try:
            signature = base64.b64decode(json.loads(answer)["Signature"]) if reply.status == 200 else b""
            if signature and algorithm == "ES256":  # KMS has DER, JWS both numbers beside each other
                signature = b"".join(number.to_bytes(32) for number in decode_dss_signature(signature))
        except (ValueError, KeyError, TypeError, OverflowError):
            signature = b""
        if not signature:
            raise RemoteError(
                f"The key {key_arn} does not sign {algorithm}: status {reply.status} of KMS.",
                hint="Was it made in this stack, with the usage SIGN_VERIFY and a fitting key spec?",
            )
        return signature

    async def _line(self, seconds: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        except TimeoutError:
            line = b""
        if not line:
            raise ProgramError("the embedded cloud (moto) did not start.", hint=f"Its log: {self._log_path}")
        message: dict[str, Any] = json.loads(line)
        return message

    async def wait_seeded(self) -> None:
        """Returns when the seeds are in. Raises ProgramError when the process ended before."""
        if self._reader is not None:
            await asyncio.wait({self._reader})
        if not self.seeded.is_set():
            raise ProgramError(
                "the embedded cloud (moto) ended while it was seeded.", hint=f"Its log: {self._log_path}"
            )

    async def _read_seeded(self) -> None:
        try:
            await self._read_failed()
        except ProgramError:
            _log.error("the embedded cloud ended while it was seeded; its log: %s", self._log_path)
            return
        self.seeded.set()
        self._rest = asyncio.create_task(self._read_rest())

    async def _read_rest(self) -> None:
        """What failed of the seeds that come later."""
        try:
            await self._read_failed()
        except ProgramError:
            _log.error("the embedded cloud ended while it was seeded; its log: %s", self._log_path)

    async def _read_failed(self) -> None:
        done = await self._line(600.0)
        for problem in done["failed"]:
            _log.warning("%s", problem)
