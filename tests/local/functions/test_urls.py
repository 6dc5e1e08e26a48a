"""Function URLs over a socket: a handler of awslambdaric's, and a web server behind the adapter."""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import ClientError

from skerry.errors import ConfigurationError
from skerry.local.functions import Cors, FunctionSettings, FunctionsPlane, FunctionsSettings, UrlSettings
from skerry.local.functions.urls import url_id
from tests.kit.plane import ACCOUNT, REGION, Ports, running
from tests.kit.processes import ended

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no functions on Windows")

HANDLERS = Path(__file__).parent / "handlers"
PAGE = "https://page.example"
WEB = {"path": HANDLERS, "web": ("python", "web.py"), "ready": "/health"}
OPEN = UrlSettings(auth="none", cors=Cors(allow_origins=("*",), allow_methods=("GET", "POST"), max_age=60))
FUNCTIONS = {
    "handler": FunctionSettings(path=HANDLERS, handler="app.url", url=UrlSettings()),
    "open": FunctionSettings(path=HANDLERS, handler="app.url", url=OPEN),
    "streamless": FunctionSettings(
        path=HANDLERS, handler="app.url", url=UrlSettings(auth="none", stream=True)
    ),
    "raises": FunctionSettings(path=HANDLERS, handler="app.raises", url=UrlSettings(auth="none")),
    "quick": FunctionSettings(path=HANDLERS, handler="app.sleeps", timeout=0.5, url=UrlSettings(auth="none")),
    "web": FunctionSettings(
        **WEB,
        environment={"COLOUR": "blue"},
        url=UrlSettings(
            stream=True,
            cors=Cors(
                allow_origins=(PAGE,),
                allow_headers=("x-asked",),
                expose_headers=("x-several",),
                allow_credentials=True,
            ),
        ),
    ),
    "buffered": FunctionSettings(**WEB, url=UrlSettings(auth="none")),
    "hasty": FunctionSettings(**WEB, timeout=1, url=UrlSettings(auth="none", stream=True)),
    "unstarted": FunctionSettings(
        path=HANDLERS, web=("python", "-c", "raise SystemExit(7)"), url=UrlSettings(auth="none", stream=True)
    ),
    "without": FunctionSettings(path=HANDLERS, handler="app.url"),
}


def plane(ports, state, **options):
    settings = {"functions": FUNCTIONS, "warm": 0, "endpoint": "http://127.0.0.1:9", **options}
    found = FunctionsSettings(state=state, region=REGION, account=ACCOUNT, **settings)
    return FunctionsPlane(access=ports.access, recorder=ports.hops, clock=ports.clock, settings=found)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    state = tmp_path_factory.mktemp("state")
    with running(lambda ports: plane(ports, state)) as found:
        yield found
    assert list((state / "functions").iterdir()) == []


class Answer:
    def __init__(self, found: http.client.HTTPResponse) -> None:
        self.status = found.status
        self.headers = found.headers
        self.body = found.read()

    def json(self):
        return json.loads(self.body)


def address(served, name: str, path: str = "/") -> str:
    return f"{served.url}/function-urls/{url_id(REGION, ACCOUNT, name)}{path}"


def signed(
    served, method: str, url: str, headers=(), body=b"", *, how=SigV4Auth, service="lambda"
) -> AWSRequest:
    key = served.ports.developer
    request = AWSRequest(method, url, dict(headers), body)
    how(BotocoreCredentials(key.access_key_id, key.secret_access_key), service, REGION).add_auth(request)
    return request


def send(url: str, method: str = "GET", headers=(), body=b"") -> Answer:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request(
            method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body or None, dict(headers)
        )
        return Answer(connection.getresponse())


def ask(served, name: str, path: str = "/", method: str = "GET", headers=(), body=b"") -> Answer:
    """A request, signed where the URL asks for that."""
    url = address(served, name, path)
    if FUNCTIONS[name].url.auth == "iam":
        request = signed(served, method, url, headers, body)
        return send(request.url, method, request.headers.items(), body)
    return send(url, method, headers, body)


@pytest.mark.behaviour("FN-URL-EVENT")
def test_a_handler_gets_the_request_as_an_event_of_format_2(served) -> None:
    sent = {
        "Cookie": "a=1; b=2",
        "X-Asked": "yes",
        "Content-Type": "application/json",
        "X-Forwarded-For": "6.6.6.6",
    }
    answer = ask(
        served, "handler", "/some/p%20ath?x=1&y=%C3%BC&x=2&empty=", "POST", sent, b'{"q": "\xc3\xbc"}'
    )
    event = answer.json()
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert event["version"] == "2.0"
    assert event["rawPath"] == "/some/p%20ath"
    assert event["rawQueryString"] == "x=1&y=%C3%BC&x=2&empty="
    assert event["queryStringParameters"] == {"x": "1,2", "y": "ü", "empty": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-asked"] == "yes"
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert (event["body"], event["isBase64Encoded"]) == ('{"q": "ü"}', False)
    context = event["requestContext"]
    identifier = url_id(REGION, ACCOUNT, "handler")
    assert context["domainName"] == f"{identifier}.lambda-url.{REGION}.on.aws"
    assert context["http"]["method"] == "POST"
    assert context["http"]["path"] == "/some/p%20ath"
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert (context["stage"], context["routeKey"], context["apiId"]) == ("$default", "$default", identifier)
    assert abs(context["timeEpoch"] / 1000 - served.ports.clock.time()) < 60


@pytest.mark.behaviour("FN-URL-IAM")
def test_a_signature_says_who_called(served) -> None:
    served.ports.hops.all.clear()
    context = ask(served, "handler").json()["requestContext"]
    assert context["accountId"] == ACCOUNT
    iam = context["authorizer"]["iam"]
    assert iam["userArn"] == f"arn:aws:iam::{ACCOUNT}:user/skerry"
    assert iam["accessKey"] == served.ports.developer.access_key_id
    assert iam["userId"].startswith("AIDA")
    [hop] = served.ports.hops.all
    assert (hop.operation, hop.target, hop.auth, hop.status) == ("FunctionUrl", "handler", "sigv4", 200)
    assert hop.identity == iam["userArn"]


@pytest.mark.behaviour("FN-URL-IAM")
def test_a_session_of_a_role_is_named(served) -> None:
    role = served.ports.access.assume(f"arn:aws:iam::{ACCOUNT}:role/agent", "session-1")
    url = address(served, "handler")
    request = AWSRequest("GET", url)
    found = BotocoreCredentials(role.access_key_id, role.secret_access_key, role.session_token)
    SigV4Auth(found, "lambda", REGION).add_auth(request)
    iam = send(url, "GET", request.headers.items()).json()["requestContext"]["authorizer"]["iam"]
    assert iam["userArn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/session-1"
    assert iam["callerId"].endswith(":session-1")


@pytest.mark.behaviour("FN-URL-IAM")
def test_a_presigned_url_is_enough(served) -> None:
    request = signed(served, "GET", address(served, "handler", "/x?a=1"), how=SigV4QueryAuth)
    answer = send(request.url)
    assert answer.json()["requestContext"]["authorizer"]["iam"]["userArn"].endswith("user/skerry")


@pytest.mark.behaviour("FN-URL-REFUSED")
def test_who_does_not_sign_is_refused_and_the_function_does_not_run(served) -> None:
    served.ports.hops.all.clear()
    url = address(served, "handler")
    for headers in ((), (("Authorization", "Bearer token"),)):
        answer = send(url, headers=headers)
        assert (answer.status, answer.json()) == (403, {"Message": "Forbidden"})
        assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
    wrong = signed(served, "GET", url)
    altered = [
        (name, value[:-4] + "0000" if name == "Authorization" else value)
        for name, value in wrong.headers.items()
    ]
    other = signed(served, "GET", url, service="execute-api")
    for headers in (altered, other.headers.items()):
        answer = send(url, headers=headers)
        assert (answer.status, list(answer.json())) == (403, ["message"])
    body = signed(served, "POST", url, body=b"signed")
    assert send(url, "POST", body.headers.items(), b"swapped").status == 403
    assert {hop.status for hop in served.ports.hops.all} == {403}
    assert served.plane.environments("handler") == frozenset() or all(
        hop.identity == "anonymous" for hop in served.ports.hops.all
    )


@pytest.mark.behaviour("FN-URL-REFUSED")
def test_a_url_that_is_not_there_is_forbidden_too(served) -> None:
    for identifier in ("a" * 32, url_id(REGION, ACCOUNT, "without")):
        answer = send(f"{served.url}/function-urls/{identifier}/")
        assert (answer.status, answer.json()) == (403, {"Message": "Forbidden"})


@pytest.mark.behaviour("FN-URL-EVENT")
def test_without_authentication_nobody_is_named(served) -> None:
    context = ask(served, "open", headers={"Authorization": "Bearer token"}).json()["requestContext"]
    assert context["accountId"] == "anonymous"
    assert "authorizer" not in context


@pytest.mark.behaviour("FN-URL-EVENT")
@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("text/plain; charset=utf-8", b"text", False),
        ("application/json", b"\xff\xfe", True),
        ("application/octet-stream", b"abc", True),
        ("application/x-www-form-urlencoded", b"a=b", True),
        ("", b"abc", True),
    ],
)
def test_bodies_that_are_no_text_are_base64(served, kind: str, body: bytes, encoded: bool) -> None:
    event = ask(served, "open", method="POST", headers={"Content-Type": kind}, body=body).json()
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


@pytest.mark.behaviour("FN-URL-HOST")
def test_the_form_with_a_host_serves_the_same(served) -> None:
    host = f"{url_id(REGION, ACCOUNT, 'open')}.lambda-url.{REGION}.localhost"
    event = send(f"{served.url}/a/b", headers={"Host": f"{host}:{urlsplit(served.url).port}"}).json()
    assert (event["rawPath"], event["headers"]["host"].startswith(host)) == ("/a/b", True)


@pytest.mark.behaviour("FN-URL-ANSWER")
def test_what_a_handler_returns_is_the_response(served) -> None:
    def answered(value) -> Answer:
        return ask(served, "open", f"/?answer={quote(json.dumps(value))}")

    full = answered(
        {"statusCode": 201, "headers": {"X-A": "b", "X-N": 5}, "cookies": ["a=1", "b=2"], "body": "ü"}
    )
    assert (full.status, full.body.decode(), full.headers["x-a"], full.headers["x-n"]) == (201, "ü", "b", "5")
    assert full.headers.get_all("set-cookie") == ["a=1", "b=2"]
    encoded = base64.b64encode(bytes(range(256))).decode()
    assert answered({"statusCode": 200, "body": encoded, "isBase64Encoded": True}).body == bytes(range(256))
    for value in ({"message": "no status"}, "text", [1], 5, None):
        plain = answered(value)
        assert (plain.status, plain.json(), plain.headers["content-type"]) == (200, value, "application/json")
    assert answered({"statusCode": 204}).status == 204


@pytest.mark.behaviour("FN-URL-FAILED")
@pytest.mark.parametrize(
    "value",
    [
        {"statusCode": "x"},
        {"statusCode": 99},
        {"statusCode": True},
        {"statusCode": 200, "body": {}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
        {"statusCode": 200, "headers": []},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "cookies": "a=1"},
    ],
)
def test_what_is_no_response_is_a_bad_gateway(served, value) -> None:
    answer = ask(served, "open", f"/?answer={quote(json.dumps(value))}")
    assert (answer.status, answer.body) == (502, b"Internal Server Error")


@pytest.mark.behaviour("FN-URL-FAILED")
def test_failures_of_a_function(served) -> None:
    served.ports.hops.all.clear()
    assert ask(served, "raises").status == 502
    assert ask(served, "quick").status == 504
    assert [hop.detail["error"] for hop in served.ports.hops.all] == ["ValueError", "Sandbox.Timedout"]


@pytest.mark.behaviour("FN-URL-LIMITS")
def test_requests_have_at_most_6_mb(served) -> None:
    for size in (6 * 1024 * 1024 + 1, 5 * 1024 * 1024):  # as base64 the second is too large as well
        assert ask(served, "open", method="POST", body=b"x" * size).status == 413


@pytest.mark.behaviour("FN-URL-CORS")
def test_a_preflight_is_answered_without_signature_and_function(served) -> None:
    served.ports.hops.all.clear()
    asking = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    answer = send(address(served, "web", "/stream"), "OPTIONS", asking)
    assert answer.status == 200
    allowed = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert allowed == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-allow-headers": "x-asked",
    }
    assert answer.headers["vary"] == "Origin"
    stranger = send(address(served, "web"), "OPTIONS", asking | {"Origin": "https://evil.example"})
    assert [name for name in stranger.headers if name.startswith("access-control-")] == []
    anyone = send(address(served, "open"), "OPTIONS", asking)
    assert anyone.headers["access-control-allow-origin"] == "*"
    assert anyone.headers["access-control-allow-methods"] == "GET,POST"
    assert anyone.headers["access-control-max-age"] == "60"
    assert "access-control-allow-credentials" not in anyone.headers
    assert {hop.detail["type"] for hop in served.ports.hops.all} == {"preflight"}
    # Without rules of its own, or when no browser asks, the function answers.
    assert ask(served, "buffered", "/echo", "OPTIONS", asking).json()["method"] == "OPTIONS"
    assert ask(served, "open", "/", "OPTIONS").json()["requestContext"]["http"]["method"] == "OPTIONS"


@pytest.mark.behaviour("FN-URL-CORS")
def test_answers_have_the_rules_of_the_url_and_not_the_functions(served) -> None:
    value = quote(
        json.dumps({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://evil.example"}})
    )
    answer = ask(served, "open", f"/?answer={value}", headers={"Origin": PAGE})
    assert answer.headers.get_all("access-control-allow-origin") == ["*"]
    assert ask(served, "open", f"/?answer={value}").headers["access-control-allow-origin"] is None
    streamed = ask(served, "web", "/echo", headers={"Origin": PAGE})
    assert streamed.headers["access-control-allow-origin"] == PAGE
    assert streamed.headers["access-control-expose-headers"] == "x-several"
    refused = send(address(served, "web"), headers={"Origin": PAGE})
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (403, PAGE)


def test_credentials_for_every_origin_are_no_configuration(tmp_path) -> None:
    cors = Cors(allow_origins=("*",), allow_credentials=True)
    function = FunctionSettings(path=HANDLERS, handler="app.url", url=UrlSettings(cors=cors))
    with pytest.raises(ConfigurationError, match="credentials for every origin"):
        plane(Ports(), tmp_path, functions={"f": function})


@pytest.mark.behaviour("FN-URL-API")
def test_boto3_reads_and_changes_urls(served) -> None:
    client = served.client("lambda")
    found = client.get_function_url_config(FunctionName="web")
    assert found["FunctionUrl"] == f"http://127.0.0.1:9/function-urls/{url_id(REGION, ACCOUNT, 'web')}/"
    assert (found["AuthType"], found["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")
    assert found["Cors"]["AllowOrigins"] == [PAGE]
    [listed] = client.list_function_url_configs(
        FunctionName=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:web"
    )["FunctionUrlConfigs"]
    assert listed["FunctionArn"] == found["FunctionArn"]
    assert client.list_function_url_configs(FunctionName="without")["FunctionUrlConfigs"] == []
    made = client.create_function_url_config(FunctionName="without", AuthType="NONE")
    assert send(address(served, "without")).status == 200
    changed = client.update_function_url_config(
        FunctionName="without", AuthType="AWS_IAM", Cors={"AllowOrigins": [PAGE], "MaxAge": 5}
    )
    assert (changed["AuthType"], changed["CreationTime"]) == ("AWS_IAM", made["CreationTime"])
    assert send(address(served, "without")).status == 403
    for call, code in (
        (
            lambda: client.create_function_url_config(FunctionName="without", AuthType="NONE"),
            "ResourceConflictException",
        ),
        (lambda: client.get_function_url_config(FunctionName="absent"), "ResourceNotFoundException"),
        (
            lambda: client.get_function_url_config(FunctionName="web", Qualifier="prod"),
            "ResourceNotFoundException",
        ),
        (
            lambda: client.update_function_url_config(
                FunctionName="without", Cors={"AllowOrigins": ["*"], "AllowCredentials": True}
            ),
            "InvalidParameterValueException",
        ),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == code
    client.delete_function_url_config(FunctionName="without")
    assert send(address(served, "without")).status == 403
    with pytest.raises(ClientError):
        client.delete_function_url_config(FunctionName="without")


@pytest.mark.behaviour("FN-WEB")
@pytest.mark.parametrize("name", ["web", "buffered"])
def test_a_web_server_gets_the_request_and_its_answer_comes_back(served, name: str) -> None:
    sent = {"Cookie": "c=1; d=2", "X-Asked": "yes", "Content-Type": "application/octet-stream"}
    answer = ask(served, name, "/a/b%20c?x=1&x=2&status=418", "POST", sent, bytes(range(256)))
    got = answer.json()
    assert answer.status == 418
    assert (got["method"], got["path"], got["query"]) == ("POST", "/a/b%20c", "x=1&x=2&status=418")
    assert got["body"].encode("latin-1") == bytes(range(256))
    assert got["cookies"] == {"c": "1", "d": "2"}
    assert answer.headers.get_all("set-cookie") == ["a=1; Path=/; SameSite=lax", "b=2; Path=/; SameSite=lax"]
    assert answer.headers["x-several"] == "one, two"
    headers = dict(got["headers"])
    assert headers["x-asked"] == "yes"
    context = json.loads(headers["x-amzn-request-context"])
    assert context["http"]["path"] == "/a/b%20c"
    about = json.loads(headers["x-amzn-lambda-context"])
    assert about["env_config"]["function_name"] == name
    assert about["invoked_function_arn"].endswith(f":function:{name}")
    assert ask(served, name, "/binary").body == bytes(range(256))
    assert ask(served, name, "/nothing").status == 204
    moved = ask(served, name, "/moved")
    assert (moved.status, moved.headers["location"]) == (307, "/echo?from=moved")
    assert ask(served, name, "/echo", "HEAD").body == b""


@pytest.mark.behaviour("FN-WEB-IDENTITY")
def test_nobody_can_say_for_himself_who_he_is(served) -> None:
    forged = json.dumps({"authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:root"}}})
    sent = {"X-Amzn-Request-Context": forged, "X_Amzn_Request_Context": forged, "x-amzn-lambda-context": "{}"}
    got = ask(served, "web", "/echo", headers=sent).json()
    contexts = [
        value for name, value in got["headers"] if name.lower().replace("_", "-") == "x-amzn-request-context"
    ]
    assert [json.loads(value)["authorizer"]["iam"]["userArn"] for value in contexts] == [
        f"arn:aws:iam::{ACCOUNT}:user/skerry"
    ]
    assert got["colour"] == "blue"
    anonymous = ask(served, "buffered", "/echo", headers=sent).json()
    contexts = [
        value
        for name, value in anonymous["headers"]
        if name.lower().replace("_", "-") == "x-amzn-request-context"
    ]
    assert ["authorizer" in json.loads(value) for value in contexts] == [False]


@pytest.fixture
def pipe(tmp_path) -> Path:
    made = tmp_path / "pipe"
    os.mkfifo(made)
    return made


@pytest.mark.behaviour("FN-URL-STREAM")
def test_the_first_byte_is_there_before_the_program_has_ended(served, pipe: Path) -> None:
    request = signed(served, "GET", address(served, "web", f"/stream?pipe={quote(str(pipe), safe='')}"))
    parts = urlsplit(request.url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request("GET", f"{parts.path}?{parts.query}", headers=dict(request.headers.items()))
        answer = connection.getresponse()
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert answer.readline() == b"first\n"
        pipe.write_text("more")  # only now can the program go on
        assert answer.read() == b"then more\n"


@pytest.mark.behaviour("FN-URL-GONE")
def test_a_program_goes_on_when_its_client_is_gone_and_serves_the_next(served, pipe: Path, tmp_path) -> None:
    request = signed(served, "GET", address(served, "web", f"/stream?pipe={quote(str(pipe), safe='')}"))
    parts = urlsplit(request.url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request("GET", f"{parts.path}?{parts.query}", headers=dict(request.headers.items()))
        assert connection.getresponse().readline() == b"first\n"
    before = {environment.pid for environment in served.plane.environments("web")}
    pipe.write_text("to nobody")  # would block if the program had ended
    assert ask(served, "web", "/echo").status == 200
    assert before <= {environment.pid for environment in served.plane.environments("web")}


@pytest.mark.behaviour("FN-URL-STREAM")
def test_large_answers_stream_and_are_not_kept(served) -> None:
    answer = ask(served, "web", "/large?pieces=500")
    assert len(answer.body) == 500 * 65536  # 32 MB: more than a buffered answer may have
    assert ask(served, "buffered", "/large?pieces=500").status == 502


@pytest.mark.behaviour("FN-URL-LIMITS")
def test_a_streamed_answer_ends_at_200_mb(served) -> None:
    with pytest.raises(http.client.IncompleteRead):
        ask(served, "web", "/large?pieces=3300")
    assert ask(served, "web", "/echo").status == 200


@pytest.mark.behaviour("FN-URL-BROKEN")
def test_an_answer_that_breaks_off_is_no_complete_one(served) -> None:
    served.ports.hops.all.clear()
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(served, "web", "/breaks")
    assert caught.value.partial == b"half of "
    [hop] = served.ports.hops.all
    assert hop.detail["error"] == "Unhandled"
    assert ask(served, "buffered", "/breaks").status == 502


@pytest.mark.behaviour("FN-WEB")
async def test_a_server_that_dies_is_started_anew(served) -> None:
    assert ask(served, "buffered", "/dies").status == 502
    assert ask(served, "buffered", "/echo").status == 200
    answer = ask(served, "hasty", "/hangs")
    assert (answer.status, answer.body) == (504, b"Gateway Timeout")
    pid = ask(served, "hasty", "/echo").json()["pid"]
    for environment in served.plane.environments("hasty"):
        os.killpg(environment.pid, 9)
    assert await ended(pid)


@pytest.mark.behaviour("FN-WEB")
def test_a_command_that_ends_is_no_server(served) -> None:
    served.ports.hops.all.clear()
    assert ask(served, "unstarted").status == 502
    [hop] = served.ports.hops.all
    assert hop.detail["error"] == "Runtime.ExitError"


@pytest.mark.behaviour("FN-WEB")
def test_a_server_also_gets_events_that_are_no_requests(served) -> None:
    client = served.client("lambda")
    answer = client.invoke(FunctionName="buffered", Payload=b'{"detail": 1}')
    value = json.loads(answer["Payload"].read())
    assert (value["statusCode"], json.loads(value["body"])) == (200, {"event": {"detail": 1}})
    streamed = client.invoke(FunctionName="web", Payload=b'{"detail": 2}')["Payload"].read()
    head, _, body = streamed.partition(bytes(8))
    assert (json.loads(head)["statusCode"], json.loads(body)) == (200, {"event": {"detail": 2}})


@pytest.mark.behaviour("FN-STREAMING")
def test_boto3_invokes_with_a_response_stream(served, pipe: Path) -> None:
    client = served.client("lambda")
    event = {
        "version": "2.0",
        "rawPath": "/stream",
        "rawQueryString": f"pipe={quote(str(pipe), safe='')}",
        "requestContext": {"http": {"method": "GET"}},
    }
    answer = client.invoke_with_response_stream(FunctionName="web", Payload=json.dumps(event))
    assert answer["ExecutedVersion"] == "$LATEST"
    read = b""
    events = iter(answer["EventStream"])
    while not read.endswith(b"first\n"):
        read += next(events)["PayloadChunk"]["Payload"]
    pipe.write_text("more")  # only now can the program go on
    rest = list(events)
    assert rest[-1] == {"InvokeComplete": {}}
    read += b"".join(event["PayloadChunk"]["Payload"] for event in rest[:-1])
    head, _, body = read.partition(bytes(8))
    assert (json.loads(head)["statusCode"], body) == (200, b"first\nthen more\n")


@pytest.mark.behaviour("FN-STREAMING")
def test_handlers_that_answer_as_a_whole_or_fail_end_a_response_stream(served) -> None:
    client = served.client("lambda")

    def events(name: str, event) -> list:
        answer = client.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event))
        return list(answer["EventStream"])

    asked = {"queryStringParameters": {"answer": '{"whole": true}'}}
    assert events("handler", asked) == [
        {"PayloadChunk": {"Payload": b'{"whole": true}'}},
        {"InvokeComplete": {}},
    ]
    [failed] = events("raises", {})
    assert failed["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert json.loads(failed["InvokeComplete"]["ErrorDetails"])["errorType"] == "ValueError"
    *_, broken = events("web", {"rawPath": "/breaks", "requestContext": {"http": {"method": "GET"}}})
    assert broken["InvokeComplete"]["ErrorCode"] == "Unhandled"
    with pytest.raises(ClientError) as caught:
        events("absent", {})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.behaviour("FN-URL-ANSWER")
def test_a_handler_that_does_not_stream_answers_a_streaming_url_as_a_whole(served) -> None:
    value = quote(json.dumps({"statusCode": 202, "body": "whole"}))
    answer = ask(served, "streamless", f"/?answer={value}")
    assert (answer.status, answer.body) == (202, b"whole")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "either a handler or web"),
        ({"handler": "app.url", "web": ("python",)}, "either a handler or web"),
        ({"web": ("python",), "ready": "health"}, "no path"),
        ({"handler": "app.url", "url": UrlSettings(auth="jwt")}, "iam or none"),
    ],
)
def test_declarations_that_cannot_work(tmp_path, settings, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        plane(Ports(), tmp_path, functions={"f": FunctionSettings(path=HANDLERS, **settings)})
