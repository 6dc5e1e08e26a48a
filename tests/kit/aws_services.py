"""The AWS services that credentials come from, on a loopback port: STS and the SSO portal.

A stand-in for both, as far as botocore's chain asks them: AssumeRole and GetCallerIdentity (query protocol,
signatures verified), and GetRoleCredentials of the SSO portal (by its access token). Every call is counted,
and every set of keys is another one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from skerry.auth.aws import sigv4
from skerry.errors import SignatureError

_ARN = "arn:aws:sts::123456789012:assumed-role/desk"


class AwsServices(ThreadingHTTPServer):
    """`secrets` are the keys that STS knows, `logins` the SSO access tokens that hold; `lifetime` is in seconds.

    `refuse` names the error that STS gives to every call while it is set. `calls` has the operations in order.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secrets: dict[str, str] = {}
        self.logins: set[str] = set()
        self.lifetime = 3600.0
        self.refuse = ""
        self.calls: list[str] = []
        self.names: list[str] = []
        self._count = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def keys(self) -> tuple[str, str, str, datetime]:
        """A new set of temporary keys that STS knows from now on."""
        with self._lock:
            self._count += 1
            key = f"ASIA{self._count:016d}"
            self.secrets[key] = f"secret-{self._count}"
            return key, f"secret-{self._count}", f"token-{self._count}", _in(self.lifetime)


@contextmanager
def aws_services() -> Iterator[AwsServices]:
    """The services while the block runs."""
    server = AwsServices()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: AwsServices
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.server.calls.append(form["Action"])
        if self.server.refuse:
            self._error(self.server.refuse, "Refused by the test.")
            return
        try:
            shown = sigv4.presented("POST", self.path.encode(), b"", list(self.headers.items()))
            secret = self.server.secrets.get(shown.access_key_id, "")
            now = datetime.now(UTC).timestamp()
            sigv4.check(shown, body, secret, now=now, expected_token=shown.token)
        except SignatureError as error:
            self._error("SignatureDoesNotMatch", error.message)
            return
        getattr(self, f"_{form['Action']}")(form)

    def do_GET(self) -> None:
        if urlsplit(self.path).path != "/federation/credentials":
            self._send(404, "{}")
            return
        self.server.calls.append("GetRoleCredentials")
        if self.headers.get("x-amz-sso_bearer_token") not in self.server.logins:
            self._send(401, '{"message": "Session token not found or invalid"}', "UnauthorizedException")
            return
        key, secret, token, ends = self.server.keys()
        members = {"accessKeyId": key, "secretAccessKey": secret, "sessionToken": token}
        members["expiration"] = int(ends.timestamp() * 1000)
        self._send(200, json.dumps({"roleCredentials": members}))

    def _AssumeRole(self, form: dict[str, str]) -> None:  # noqa: N802  (the operation's name)
        key, secret, token, ends = self.server.keys()
        self.server.names.append(form["RoleSessionName"])
        self._send(
            200,
            f"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>"
            f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
            f"<Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials><AssumedRoleUser>"
            f"<Arn>{_ARN}/{form['RoleSessionName']}</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>",
        )

    def _GetCallerIdentity(self, form: dict[str, str]) -> None:  # noqa: N802
        self._send(
            200,
            "<GetCallerIdentityResponse><GetCallerIdentityResult>"
            f"<Arn>{_ARN}/me</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>",
        )

    def _error(self, code: str, text: str) -> None:
        self._send(
            403, f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>"
        )

    def _send(self, status: int, text: str, name: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json" if text.startswith("{") else "text/xml")
        if name:
            self.send_header("x-amzn-ErrorType", name)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: tests read `calls`."""


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
