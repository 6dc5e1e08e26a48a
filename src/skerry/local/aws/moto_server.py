"""The embedded cloud: moto, in a process of its own. Only modules of this folder import moto.

    python -m skerry.local.aws.moto_server

reads one JSON line from standard input, `{"secret", "region", "seeds": […]}`, binds a free port on
127.0.0.1 and says so in one JSON line, `{"port": …}`; when the seeds are in, a second line says
`{"seeded": n, "failed": […]}`, and when those are in that may come later, a third one does. It ends when
standard input ends, so it never outlives its parent.

Every request must carry the secret of this run in `X-Skerry-Secret`, so nobody but the endpoint, which
checks signatures, can talk to it. Requests wait until the seeds are in: an answer never shows half of the
estate. `GET /_skerry/keys/ID` gives the endpoint what IAM and STS know of an access key, and
`GET /_skerry/principals/ARN` what IAM knows of a role, a user or a managed policy, `POST /_skerry/stacks/`
what a stack of CloudFormation is made of, `POST /_skerry/policies/` which policies resources have; `POST
/_skerry/observed/` takes metrics and logs of AgentCore, `POST /_skerry/functions/` has what
functions of Lambda are, `POST /_skerry/responses/` takes the answers of custom resources.
"""

from __future__ import annotations

import functools
import gc
import hmac
import io
import json
import logging
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

from skerry.local.aws import boundaries, functions, managed_policies, observed, policies
from skerry.local.aws.cloudformation import requests as stack_requests
from skerry.local.aws.cloudformation import responses as stack_responses
from skerry.local.aws.cloudformation import wsgi as stack_wsgi
from skerry.local.aws.principals import principal
from skerry.local.aws.questions import (
    FUNCTIONS_PATH,
    KEYS_PATH,
    OBSERVED_PATH,
    POLICIES_PATH,
    PRINCIPALS_PATH,
    RESPONSES_PATH,
    STACKS_PATH,
    WORKS_PATH,
)
from skerry.local.aws.seeds import LATER, Call, HttpCall, Seeder
from skerry.local.aws.stacks import described, read_templates_as_data

UNSUPPORTED_HEADER = "X-Skerry-Unsupported"

_OWN_PATHS = (
    KEYS_PATH,
    PRINCIPALS_PATH,
    RESPONSES_PATH,
    STACKS_PATH,
    POLICIES_PATH,
    OBSERVED_PATH,
    FUNCTIONS_PATH,
    WORKS_PATH,
    RESPONSES_PATH,
)
_ROLE_ID, _USER_ID, _ISSUED = "skerry_role_id", "skerry_user_id", "skerry_issued"
"""Members that sessions of moto's STS get."""
_MOTOS_OWN = "/moto-api"
"""Where moto lets a test reset everything, principals and policies included: no service of AWS."""
_SCOPE = re.compile(r"Credential=[^,\s]*/([^/,\s]+)/aws4_request")
_MAKES_FUNCTIONS = re.compile(r"/(lambda|cloudformation)/aws4_request")

_log = logging.getLogger("skerry.local.aws")

Environ = dict[str, Any]


class Application:
    """The WSGI application around moto's: the secret, the wait for the seeds, keys, and what moto lacks."""

    def __init__(self, secret: str) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        keep_the_role_of_sessions()
        policies.keep_policies_as_aws_does()
        read_templates_as_data()
        self._secret = secret.encode()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._seeded = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._later: dict[str, threading.Event] = {}
        """By signing name: set when a service that is filled later is in."""

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Serves one request, in a thread of its own."""
        shown = environ.pop("HTTP_X_SKERRY_SECRET", "").encode("latin-1")
        if not hmac.compare_digest(shown, self._secret):
            start_response("403 Forbidden", [("Content-Length", "0")])
            return [b""]
        self._seeded.wait()
        if self._later:
            found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
            if found and found[1] in self._later:
                self._later[found[1]].wait()
        path = environ["PATH_INFO"]
        own = hmac.compare_digest(environ.pop("HTTP_X_SKERRY_OWN", "").encode("latin-1"), self._secret)
        if own and path.startswith(_OWN_PATHS):
            told = _answer(path, environ)
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            start_response(
                "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            )
            return [body]
        if path.startswith(_MOTOS_OWN):
            start_response("404 Not Found", [("Content-Length", "0")])
            return [b""]
        return self.moto(environ, start_response)

    def moto(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Moto's answer; an operation that it lacks is marked by a header.

        Calls of DynamoDB wait for each other: moto undoes a failed transaction by putting back the whole
        table as it was, and so would undo what others wrote meanwhile.
        """
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        dynamodb = target.startswith("DynamoDB")
        if target.startswith("TrentService."):
            salt_as_kms_does()
        if _MAKES_FUNCTIONS.search(environ.get("HTTP_AUTHORIZATION", "")):
            functions.take_code_as_lambda_does()
            functions.run_nothing()
        try:
            with self._one_at_a_time if dynamodb else nullcontext():
                answer = stack_wsgi.serve(environ, start_response, self._bounded)
        except NotImplementedError as error:
            _log.info("not implemented in moto: %s", error)
            start_response("501 Not Implemented", [(UNSUPPORTED_HEADER, "1"), ("Content-Length", "0")])
            return [b""]
        return answer

    def _bounded(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        return managed_policies.serve(
            environ, start_response, functools.partial(boundaries.serve, moto=self._moto)
        )

    def seed(self, calls: list[Call], region: str) -> Iterator[list[str]]:
        """Performs the calls in this process and lets requests in.

        Gives what failed: first of the calls that all requests wait for, then of those that only requests
        to their services wait for.
        """
        soon = [call for call in calls if not call.later]
        later = [call for call in calls if call.later]
        self._later = {LATER[call.service]: threading.Event() for call in later}
        seeder = Seeder(self._perform, region=region) if calls else None
        try:
            failed = seeder.run(soon) if seeder else []
        finally:
            self._seeded.set()
        yield failed
        failed = []
        try:
            left = Counter(LATER[call.service] for call in later)
            for call in later:
                failed += seeder.run([call]) if seeder else []
                left[LATER[call.service]] -= 1
                if not left[LATER[call.service]]:
                    self._later[LATER[call.service]].set()
        finally:
            for event in self._later.values():
                event.set()
        yield failed

    def _perform(self, call: HttpCall) -> tuple[int, Mapping[str, str], bytes]:
        from werkzeug.test import EnvironBuilder, run_wsgi_app

        credential = f"Credential=AKIASKERRYSEED000000/20260101/{call.region}/{call.service}/aws4_request"
        authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"
        builder = EnvironBuilder(
            method=call.method,
            path=call.path,
            query_string=call.query,
            base_url="http://127.0.0.1",
            headers=[*call.headers.items(), ("Authorization", authorization)],
            input_stream=io.BytesIO(call.body),
            content_length=len(call.body),
        )
        chunks, status, headers = run_wsgi_app(self.moto, builder.get_environ())
        return int(status.split(" ", 1)[0]), dict(headers.items()), b"".join(chunks)


def _answer(path: str, environ: Environ) -> dict[str, Any] | list[Any] | bytes | bool | None:
    """What the endpoint asks for itself."""
    if path.startswith((STACKS_PATH, POLICIES_PATH, OBSERVED_PATH, FUNCTIONS_PATH, RESPONSES_PATH)):
        given = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        if path.startswith(OBSERVED_PATH):
            observed.write(given)
            return None
        if path.startswith(FUNCTIONS_PATH):
            return functions.answer(given)
        if path.startswith(RESPONSES_PATH):
            return stack_responses.arrive(given["token"], given["body"])
        return described(given) if path.startswith(STACKS_PATH) else policies.stored(given)
    if path.startswith(WORKS_PATH):
        stack_requests.wait(path.removeprefix(WORKS_PATH))
        return None
    if path.startswith(KEYS_PATH):
        return access_key(path.removeprefix(KEYS_PATH))
    return principal(path.removeprefix(PRINCIPALS_PATH))


def access_key(access_key_id: str) -> dict[str, Any] | None:
    """What moto's IAM and STS know of an active access key, or None."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    for account in list(sts_backends.values()):
        for sts in list(account.values()):
            role = sts.get_assumed_role_from_access_key(access_key_id)
            if role is not None:
                return {
                    "arn": role.arn,
                    "user_id": role.user_id,
                    "unique_id": getattr(role, _ROLE_ID),
                    "secret": role.secret_access_key,
                    "token": role.session_token,
                    "expires": role.expiration.timestamp(),
                    "issued": getattr(role, _ISSUED),
                }
    for users in list(iam_backends.values()):
        for iam in list(users.values()):
            for user in list(iam.users.values()):
                for key in list(user.access_keys):
                    if key.access_key_id == access_key_id and key.status == "Active":
                        secret = key.secret_access_key
                        return {"arn": user.arn, "user_id": user.id, "unique_id": user.id, "secret": secret}
    return None


@functools.cache
def keep_the_role_of_sessions() -> None:
    """A session stays one of the role that it was taken from, by the role's unique id.

    Moto looks the role up by its name whenever it is asked, so that a role that is made again would have the
    sessions of the one before.
    """
    from moto.sts.models import AssumedRole

    start, user_id = AssumedRole.__init__, AssumedRole.user_id

    def begin(self: AssumedRole, *given: Any, **named: Any) -> None:
        start(self, *given, **named)
        role = principal(self.role_arn)
        setattr(self, _ROLE_ID, role["id"] if role else "")
        setattr(self, _ISSUED, time.time())
        made_up = user_id.fget(self).partition(":")[0]  # type: ignore[attr-defined]
        setattr(self, _USER_ID, f"{getattr(self, _ROLE_ID) or made_up}:{self.session_name}")

    AssumedRole.__init__ = begin  # type: ignore[method-assign]
    AssumedRole.user_id = property(lambda self: getattr(self, _USER_ID))  # type: ignore[method-assign, assignment]


@functools.cache
def salt_as_kms_does() -> None:
    """RSASSA-PSS with a salt as long as the digest, as KMS has it and JWS wants it (RFC 7518 §3.5).

    Moto takes the longest salt that there is room for.
    """
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
    from moto.kms.utils import RSAPrivateKey

    name = "_RSAPrivateKey__padding_and_hash_algorithm"
    chosen = getattr(RSAPrivateKey, name)

    def padding(key: RSAPrivateKey, algorithm: str) -> Any:
        found, digest = chosen(key, algorithm)
        if isinstance(found, PSS):
            found = PSS(mgf=MGF1(digest), salt_length=digest.digest_size)
        return found, digest

    setattr(RSAPrivateKey, name, padding)


def read_models_once() -> None:
    """Keeps what botocore found and parsed, for this whole process.

    Its loaders keep it for one session, and moto makes dozens of sessions: hundreds of folders are looked
    through and several megabytes of JSON parsed again and again, which is most of the time until the seeds
    are in.
    """
    from botocore.loaders import JSONFileLoader, Loader

    load, parsed = JSONFileLoader.load_file, {}
    look, seen = Loader.list_available_services, {}

    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        if file_path not in parsed:
            parsed[file_path] = load(self, file_path)
        return parsed[file_path]

    def list_available_services(self: Loader, type_name: str) -> list[str]:
        key = (type_name, *self.search_paths)
        if key not in seen:
            seen[key] = look(self, type_name)
        return seen[key]

    JSONFileLoader.load_file = load_file  # type: ignore[method-assign]
    Loader.list_available_services = list_available_services  # type: ignore[method-assign]


def main() -> None:
    """Runs until standard input ends."""
    parameters = json.loads(sys.stdin.readline())
    gc.disable()  # while modules and models come in there is nothing to free, and looking costs a third
    read_models_once()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):
        """HTTP/1.1, so that the endpoint keeps its connections."""

        protocol_version = "HTTP/1.1"

    application = Application(parameters["secret"])
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _say({"port": server.server_port})
    calls = [Call(**call) for call in parameters["seeds"]]
    for failed in application.seed(calls, parameters["region"]):
        _say({"seeded": len(calls) - len(failed), "failed": failed})
    gc.freeze()
    gc.enable()
    while sys.stdin.buffer.read(65536):
        pass
    sys.stderr.flush()
    os._exit(0)  # nothing is kept, and taking a large heap apart in order costs most of a second


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
