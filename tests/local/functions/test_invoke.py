"""Unmodified boto3 invokes functions over a socket; handlers run in AWS's own runtime client."""

import base64
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from skerry.errors import ConfigurationError
from skerry.local.functions import FunctionSettings, FunctionsPlane, FunctionsSettings
from tests.kit.plane import ACCOUNT, REGION, Ports, running
from tests.kit.traced import CALLER, SENT, TRACE, sending

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="awslambdaric is not there for Windows")

HANDLERS = Path(__file__).parent / "handlers"
NAMES = [
    "describe",
    "echo",
    "printed",
    "raises",
    "exits",
    "meets",
    "waits",
    "large",
    "raw",
    "aws",
    "deep",
    "hangs",
]
FUNCTIONS = {
    **{name: FunctionSettings(path=HANDLERS, handler=f"app.{name}") for name in NAMES},
    "variables": FunctionSettings(path=HANDLERS, handler="app.describe", environment={"COLOUR": "blue", "TZ": "UTC"}, timeout=9, memory=256),
    "quick": FunctionSettings(path=HANDLERS, handler="app.hangs", timeout=0.5),
    "broken": FunctionSettings(path=HANDLERS, handler="broken.handler"),
    "leaves": FunctionSettings(path=HANDLERS, handler="leaves.handler"),
    "missing": FunctionSettings(path=HANDLERS, handler="app.nothing"),
    "absent": FunctionSettings(path=HANDLERS, handler="nowhere.handler"),
}  # fmt: skip


CLOCK = Path("/nowhere/clock.json")


def plane(ports, state, **options):
    settings = {
        "functions": FUNCTIONS,
        "warm": 0,
        "environments": 4,
        "endpoint": "http://127.0.0.1:9",
        "token_clock": CLOCK,
        **options,
    }
    found = FunctionsSettings(state=state, region=REGION, account=ACCOUNT, **settings)
    return FunctionsPlane(access=ports.access, recorder=ports.hops, clock=ports.clock, settings=found)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    state = tmp_path_factory.mktemp("state")
    with running(lambda ports: plane(ports, state)) as found:
        yield found
    assert list((state / "functions").iterdir()) == []  # every environment took its folder with it


@pytest.fixture
def client(served):
    served.ports.hops.all.clear()
    return served.client("lambda")


def invoke(client, name, event=None, **options):
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
    payload = answer["Payload"].read()
    return answer, json.loads(payload) if payload else None


def context(**members):
    return base64.b64encode(json.dumps(members).encode()).decode()


@pytest.mark.behaviour("FN-INVOKE")
def test_a_handler_gets_the_event_and_its_return_value_comes_back(client):
    answer, value = invoke(client, "echo", {"a": [1, "ü", None]})
    assert value == {"a": [1, "ü", None]}
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (
        200,
        "$LATEST",
        False,
    )


def test_no_payload_is_an_empty_event(client):
    assert json.loads(client.invoke(FunctionName="echo")["Payload"].read()) == {}


def test_bytes_come_back_as_they_are(client):
    assert client.invoke(FunctionName="raw")["Payload"].read() == b"\x00bytes"


@pytest.mark.behaviour("FN-CONTEXT")
def test_the_context_is_right(client):
    custom = {"bedrockAgentCoreToolName": "aws___get_time", "text": "ü\n", "n": 1}
    answer, value = invoke(client, "variables", ClientContext=context(custom=custom, env={"locale": "de"}))
    assert value["custom"] == custom
    assert value["env"] == {"locale": "de"}
    assert value["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert 0 < value["remaining"] <= 9000
    assert value["arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:variables"
    assert value["function"] == ["variables", "$LATEST", "256"]
    assert value["log"][0] == "/aws/lambda/variables"
    assert value["log"][1].count("[$LATEST]") == 1
    assert value["trace"].startswith("Root=1-")


def test_without_a_client_context_there_is_none(client):
    assert invoke(client, "describe", {})[1]["custom"] is None


@pytest.mark.behaviour("FN-ENVIRONMENT")
def test_the_environment_is_the_functions_own_and_nothing_of_ours(served, client, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "leak")
    _, value = invoke(client, "variables", {})
    found = value["environment"]
    assert (found["COLOUR"], found["TZ"]) == ("blue", "UTC")
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert (found["AWS_REGION"], found["AWS_DEFAULT_REGION"]) == (REGION, REGION)
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == "variables"
    assert found["_HANDLER"] == "app.describe"
    assert found["LAMBDA_TASK_ROOT"] == str(HANDLERS) == value["path"][0]
    assert found["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert "SECRET_OF_THE_SHELL" not in found
    assert served.ports.developer.secret_access_key not in json.dumps(found)
    assert found["HOME"] == found["TMPDIR"] != os.environ.get("HOME")
    assert value["stdin"] == ""
    assert found["SKERRY_TOKEN_CLOCK"] == str(CLOCK), "a handler that checks tokens goes by their clock"


@pytest.mark.behaviour("FN-IDENTITY")
def test_a_handler_calls_aws_with_its_own_role(served, client, tmp_path):
    """The handler of a second plane invokes a function of the first, through AWS_ENDPOINT_URL."""

    def second(ports):
        ports.access = served.ports.access
        return plane(ports, tmp_path, endpoint=served.url)

    with running(second) as other:
        assert invoke(other.client("lambda"), "aws")[1] == '"from inside"'
    [hop] = served.ports.hops.all
    assert hop.identity == f"arn:aws:sts::{ACCOUNT}:assumed-role/aws/aws"
    [caller] = other.ports.hops.all
    assert (hop.trace, hop.parent) == (caller.trace, caller.span), "boto3 sends on what the handler is told"


@pytest.mark.behaviour("TRACE-LAMBDA")
@pytest.mark.parametrize(
    ("sent", "parent", "sampled"),
    [
        (SENT, CALLER, 0),
        ({"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={CALLER};Sampled=1"}, CALLER, 1),
        ({"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Sampled=0"}, "", 0),
    ],
    ids=["traceparent", "sampled", "nobody"],
)
def test_a_handler_is_told_its_place_in_the_trace(served, client, sent, parent, sampled):
    _, value = invoke(sending(client, sent), "variables", {})
    [hop] = served.ports.hops.all
    assert (hop.trace, hop.parent) == (TRACE, parent)
    assert value["trace"] == f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={hop.span};Sampled={sampled}"


@pytest.mark.behaviour("FN-REUSE")
def test_an_environment_is_used_again(client):
    first, second = (invoke(client, "describe", {})[1] for _ in range(2))
    assert first["pid"] == second["pid"]
    assert second["calls"] == first["calls"] + 1


@pytest.mark.behaviour("FN-SCALE")
def test_invocations_at_the_same_time_have_environments_of_their_own(served, client, tmp_path):
    with ThreadPoolExecutor(3) as threads:
        event = {"place": str(tmp_path), "count": 3}
        found = [threads.submit(invoke, served.client("lambda"), "meets", event) for _ in range(3)]
        pids = {future.result()[1] for future in found}
    assert len(pids) == 3


@pytest.mark.behaviour("FN-THROTTLE")
def test_more_than_the_limit_is_throttled(tmp_path):
    started, go = tmp_path / "started", tmp_path / "go"
    for fifo in (started, go):
        os.mkfifo(fifo)
    functions = {"waits": FUNCTIONS["waits"]}
    event = {"started": str(started), "go": str(go)}
    with (
        running(lambda ports: plane(ports, tmp_path, functions=functions, concurrency=1)) as served,
        ThreadPoolExecutor(1) as threads,
    ):
        busy = threads.submit(invoke, served.client("lambda"), "waits", event)
        assert started.read_text() == "x"
        with pytest.raises(ClientError) as caught:
            invoke(served.client("lambda"), "waits", {})
        go.write_text("")
        assert busy.result()[1] == "gone on"
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (
        "TooManyRequestsException",
        429,
    )
    assert error["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


@pytest.mark.behaviour("FN-ERROR")
def test_an_exception_of_the_handler(client):
    answer, value = invoke(client, "raises", {"n": 1})
    assert answer["FunctionError"] == "Unhandled"
    assert (value["errorType"], value["errorMessage"]) == ("ValueError", "bad event {'n': 1}")
    assert "app.py" in value["stackTrace"][0]
    assert value["requestId"] == answer["ResponseMetadata"]["RequestId"]


def test_a_very_long_traceback(client):
    answer, value = invoke(client, "deep", {})
    assert (answer["FunctionError"], value["errorType"]) == ("Unhandled", "KeyError")


@pytest.mark.behaviour("FN-TIMEOUT")
def test_a_timeout_ends_the_environment_with_all_it_started(client, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    alive = []
    reader = threading.Thread(target=lambda: alive.append(fifo.read_bytes()))
    reader.start()  # reads until the handler and its child have both gone
    answer, value = invoke(client, "quick", {"fifo": str(fifo)})
    reader.join(20)
    assert alive == [b"here"]
    assert answer["FunctionError"] == "Unhandled"
    assert value["errorType"] == "Sandbox.Timedout"
    assert value["errorMessage"].endswith("Task timed out after 0.50 seconds")


@pytest.mark.behaviour("FN-EXIT")
@pytest.mark.parametrize(
    ("code", "text"),
    [(3, "Runtime exited with error: exit status 3"), (0, "Runtime exited without providing a reason")],
)
def test_a_process_that_ends_is_reported_and_replaced(client, code, text):
    answer, value = invoke(client, "exits", {"code": code})
    assert answer["FunctionError"] == "Unhandled"
    assert value["errorType"] == "Runtime.ExitError"
    assert value["errorMessage"].endswith(text)
    assert invoke(client, "echo", 1)[1] == 1


@pytest.mark.behaviour("FN-INIT")
@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("broken", "RuntimeError", "no configuration"),
        ("missing", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'"),
        ("absent", "Runtime.ImportModuleError", "No module named 'nowhere'"),
    ],
)
def test_a_module_that_cannot_be_loaded(client, name, kind, text):
    answer, value = invoke(client, name, {})
    assert answer["FunctionError"] == "Unhandled"
    assert value["errorType"] == kind
    assert text in value["errorMessage"]


def test_the_traceback_of_a_module_that_cannot_be_loaded(client):
    _, value = invoke(client, "broken", {})
    assert any("broken.py" in line for line in value["stackTrace"])


def test_a_module_that_ends_the_process(client):
    _, value = invoke(client, "leaves", {})
    assert value["errorMessage"].endswith("Runtime exited with error: exit status 7")


@pytest.mark.behaviour("FN-LOG")
def test_the_log_tail(client):
    answer, _ = invoke(client, "printed", {}, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    start = lines.index(f"START RequestId: {request_id} Version: $LATEST")
    assert lines[start + 1 :][-5:-1] == ["first line", "x", lines[-3], f"END RequestId: {request_id}"]
    assert lines[-3].startswith("[WARNING]")
    assert request_id in lines[-3]
    assert lines[-1].startswith(f"REPORT RequestId: {request_id}\tDuration: ")


def test_the_log_tail_is_4_kb(client):
    answer, _ = invoke(client, "printed", {"width": 10_000}, LogType="Tail")
    tail = base64.b64decode(answer["LogResult"])
    assert len(tail) == 4096
    assert b"REPORT RequestId" in tail


def test_no_log_without_being_asked(client):
    assert "LogResult" not in invoke(client, "printed", {})[0]


@pytest.mark.behaviour("FN-TYPES")
def test_a_dry_run_runs_nothing(client):
    answer, value = invoke(client, "raises", {}, InvocationType="DryRun")
    assert (answer["StatusCode"], value) == (204, None)


@pytest.mark.behaviour("TRACE-HOPS")
def test_an_event_is_run_later(served, client, tmp_path):
    started, go = tmp_path / "started", tmp_path / "go"
    for fifo in (started, go):
        os.mkfifo(fifo)
    answer, value = invoke(client, "waits", {"started": str(started), "go": str(go)}, InvocationType="Event")
    assert (answer["StatusCode"], value) == (202, None)
    assert started.read_text() == "x"
    go.write_text("")
    asked, run = served.ports.hops.until(2)
    assert run.detail["type"] == "Event, run"
    assert (run.trace, run.parent) == (asked.trace, asked.span)


@pytest.mark.behaviour("FN-LIMITS")
def test_an_event_that_is_too_large(client):
    with pytest.raises(client.exceptions.RequestTooLargeException) as caught:
        client.invoke(FunctionName="echo", Payload=b'"' + b"x" * 6291456 + b'"')
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "6291456 bytes" in str(caught.value)


def test_an_asynchronous_event_that_is_too_large(client):
    with pytest.raises(client.exceptions.RequestTooLargeException, match="1048576 bytes"):
        client.invoke(FunctionName="echo", Payload=b'"' + b"x" * 1048576 + b'"', InvocationType="Event")


def test_a_large_event_passes(client):
    size = 3_000_000
    assert invoke(client, "echo", "x" * size)[1] == "x" * size


def test_a_response_that_is_too_large(client):
    answer, value = invoke(client, "large", {"size": 7_000_000})
    assert (answer["FunctionError"], value["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert len(invoke(client, "large", {"size": 6_000_000})[1]) == 6_000_000


@pytest.mark.behaviour("FN-BAD-REQUEST")
@pytest.mark.parametrize("payload", [b"{", b"\xff", b"[" * 100_000])
def test_an_event_that_is_no_json(client, payload):
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="echo", Payload=payload)


@pytest.mark.parametrize("text", ["%%%", "W10=", "eA==", "x" * 4000])
def test_a_client_context_that_is_none(client, text):
    with pytest.raises(client.exceptions.InvalidRequestContentException, match="Client context"):
        client.invoke(FunctionName="echo", ClientContext=text)


@pytest.mark.behaviour("FN-NAMES")
@pytest.mark.parametrize(
    "name",
    [
        "echo",
        "echo:$LATEST",
        f"{ACCOUNT}:function:echo",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo:$LATEST",
    ],
)
def test_a_function_goes_by_name_partial_arn_and_arn(client, name):
    assert invoke(client, name, 1)[1] == 1


def test_a_qualifier_beside_the_name(client):
    assert invoke(client, "echo", 1, Qualifier="$LATEST")[1] == 1
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="does not match"):
        invoke(client, "echo:$LATEST", 1, Qualifier="PROD")


@pytest.mark.behaviour("FN-NOT-FOUND")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nope", f"Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:nope"),
        ("echo:PROD", "function:echo:PROD"),
        ("999999999999:function:echo", "999999999999:function:echo"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:echo", "Functions from 'eu-west-1' are not reachable"),
    ],
)
def test_a_function_that_is_not_there(client, name, text):
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        invoke(client, name)
    assert text in caught.value.response["Message"]
    assert caught.value.response["Type"] == "User"


@pytest.mark.behaviour("FN-HOP")
def test_each_call_is_a_hop(served, client):
    session = "a" * 36
    role = served.ports.access.assume(f"arn:aws:iam::{ACCOUNT}:role/gateway", "desk")
    custom = {"bedrockAgentCorePropagatedHeaders": {"x-session-id": session}}
    invoke(served.client("lambda", role), "echo", {}, ClientContext=context(custom=custom))
    invoke(client, "raises", {})
    [good, bad] = served.ports.hops.all
    assert (good.part, good.operation, good.target, good.status) == ("functions", "Invoke", "echo", 200)
    assert good.identity == f"arn:aws:sts::{ACCOUNT}:assumed-role/gateway/desk"
    assert (good.auth, good.session) == ("sigv4", session)
    assert bad.detail == {"type": "RequestResponse", "error": "Unhandled"}


@pytest.mark.behaviour("FN-SIGNATURE")
@pytest.mark.parametrize("service", ["lambda", "bedrock"])
def test_a_signature_that_does_not_hold(served, client, service):
    from skerry.auth.aws.sigv4 import Credentials

    key = Credentials(served.ports.developer.access_key_id, "wrong")
    with pytest.raises(ClientError) as caught:
        invoke(served.client("lambda", key), "echo", 1)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert served.ports.hops.all[-1].identity == "anonymous"


def test_the_plane_knows_its_functions():
    found = plane(Ports(), Path("unused"))
    assert set(found.names()) == set(FUNCTIONS)
    for path in (b"echo", b"echo/", b"echo/configuration", b"echo/invocations"):
        assert found.serves(b"/2015-03-31/functions/" + path)
    assert found.serves(
        b"/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aecho/invocations"
    )
    for path in (
        b"/2015-03-31/functions/other/invocations",
        b"/2015-03-31/functions/other",
        b"/2015-03-31/functions/",
        b"/2015-03-31/functions/%20/invocations",
        b"/model/m/converse",
    ):
        assert not found.serves(path)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"path": Path("/does/not/exist")}, "no folder"),
        ({"handler": "handler"}, "module.function"),
        ({"environment": {"AWS_REGION": "x"}}, "AWS_REGION"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 901}, "timeout"),
    ],
)
def test_functions_that_cannot_work_are_refused_at_the_door(wrong, text):
    settings = FunctionSettings(**{"path": HANDLERS, "handler": "app.echo", **wrong})
    with pytest.raises(ConfigurationError, match=text):
        plane(Ports(), Path("unused"), functions={"f": settings})
