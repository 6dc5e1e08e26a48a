"""Functions that the embedded cloud keeps, run by the plane; where they are kept is a dictionary here."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from skerry.local.functions import FunctionSettings, FunctionsPlane, FunctionsSettings, deployed
from skerry.local.functions.code_folders import FOLDER
from skerry.local.functions.deployed import DeployedFunctions
from skerry.local.functions.names import FunctionName
from skerry.local.ports.monitoring import Unmonitored
from tests.kit.lambda_code import FakeFunctionSource, returning, zipped
from tests.kit.plane import ACCOUNT, REGION, Ports, RealClock, Running, running
from tests.kit.processes import ended

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="awslambdaric is not there for Windows")

HANDLERS = Path(__file__).parent / "handlers"
TELLS = zipped(
    app="""
import os
import near

def handler(event, context):
    print("told", event)
    return {
        "event": event,
        "arn": context.invoked_function_arn,
        "version": context.function_version,
        "variable": os.environ.get("COLOUR"),
        "memory": context.memory_limit_in_mb,
        "root": os.environ["LAMBDA_TASK_ROOT"],
        "near": near.VALUE,
        "pid": os.getpid(),
    }
""",
    near="VALUE = 'of the zip'",
)


def settings(state: Path, **options: Any) -> FunctionsSettings:
    given = {"endpoint": "http://127.0.0.1:9", "region": REGION, "account": ACCOUNT, "warm": 0, **options}
    return FunctionsSettings(state=state, **given)


@pytest.fixture(scope="module")
def source() -> FakeFunctionSource:
    return FakeFunctionSource()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, source: FakeFunctionSource) -> Iterator[Running]:
    state = tmp_path_factory.mktemp("state")
    declared = {"mine": FunctionSettings(path=HANDLERS, handler="app.echo")}

    def plane(ports: Ports) -> FunctionsPlane:
        return FunctionsPlane(
            access=ports.access,
            recorder=ports.hops,
            clock=ports.clock,
            settings=settings(state, functions=declared),
            source=source,
        )

    with running(plane) as found:
        yield found
    assert list((state / "functions").iterdir()) == []  # every environment took its folder with it


def invoke(served: Running, name: str, event: Any = None, **options: Any) -> Any:
    answer = served.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read() or b"null")


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer: Any = caught.value.response
    text = answer["Error"]["Message"] or answer.get("Message", "")
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], text


@pytest.mark.behaviour("FN-DEPLOYED")
def test_a_deployed_function_runs_as_it_is_configured(served: Running, source: FakeFunctionSource) -> None:
    source.put("tells", TELLS, environment={"COLOUR": "blue"}, memory=256)
    answer = served.client("lambda").invoke(FunctionName="tells", Payload=b"[1]", LogType="Tail")
    told = json.loads(answer["Payload"].read())
    pid, root = told.pop("pid"), told.pop("root")
    assert told == {
        "event": [1],
        "arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:tells",
        "version": "$LATEST",
        "variable": "blue",
        "memory": "256",
        "near": "of the zip",
    }
    assert (answer["ExecutedVersion"], FOLDER in root) == ("$LATEST", True)
    fetched = source.fetched
    assert invoke(served, "tells")["pid"] == pid
    assert source.fetched == fetched


@pytest.mark.behaviour("FN-DEPLOYED")
def test_events_and_dry_runs(served: Running, source: FakeFunctionSource) -> None:
    source.put("quiet", returning(None))
    client = served.client("lambda")
    assert client.invoke(FunctionName="quiet", InvocationType="DryRun")["StatusCode"] == 204
    before = len(served.ports.hops.all)
    assert client.invoke(FunctionName="quiet", InvocationType="Event", Payload=b"1")["StatusCode"] == 202
    run = served.ports.hops.until(before + 2)[-1]
    assert (run.target, run.status, run.detail["type"]) == ("quiet", 200, "Event, run")


@pytest.mark.behaviour("FN-DEPLOYED")
def test_an_answer_as_a_stream(served: Running, source: FakeFunctionSource) -> None:
    source.put("streamed", returning("all"))
    answer = served.client("lambda").invoke_with_response_stream(FunctionName="streamed")
    events = list(answer["EventStream"])
    assert (events[0]["PayloadChunk"]["Payload"], answer["ExecutedVersion"]) == (b'"all"', "$LATEST")


@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
@pytest.mark.parametrize(
    "change", [{"code": returning("new")}, {"environment": {"A": "1"}}, {"timeout": 9}, {"role": "r/other"}]
)
def test_a_change_has_environments_of_its_own(
    served: Running, source: FakeFunctionSource, change: dict[str, Any]
) -> None:
    name = f"changes-{next(iter(change))}"
    source.put(name, returning("old"))
    assert invoke(served, name) == "old"
    (before,) = served.plane.environments(name)
    source.put(name, **{"code": returning("old"), **change})
    assert invoke(served, name) == ("new" if "code" in change else "old")
    assert asyncio.run(ended(before.pid))


@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
def test_a_function_of_the_same_name_is_another_one(served: Running, source: FakeFunctionSource) -> None:
    source.put("reborn", TELLS)
    pid = invoke(served, "reborn")["pid"]
    source.delete("reborn")
    assert refusal(served.client("lambda").invoke, FunctionName="reborn")[:2] == (
        "ResourceNotFoundException",
        404,
    )
    source.put("reborn", TELLS)
    assert invoke(served, "reborn")["pid"] != pid


@pytest.mark.behaviour("FN-DEPLOYED-VERSIONS")
def test_versions_run_beside_each_other(served: Running, source: FakeFunctionSource) -> None:
    source.put("versions", TELLS)
    source.put("versions", TELLS, qualifier="1", environment={"COLOUR": "red"})
    source.put("versions", TELLS, qualifier="live", version="1", environment={"COLOUR": "red"})
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:versions"
    by_number = invoke(served, "versions", Qualifier="1")
    by_alias = invoke(served, f"{arn}:live")
    latest = invoke(served, "versions", Qualifier="$LATEST")
    assert (by_number["version"], by_number["variable"], by_number["arn"]) == ("1", "red", f"{arn}:1")
    assert (by_alias["version"], by_alias["arn"], by_alias["pid"]) == ("1", f"{arn}:live", by_number["pid"])
    assert (latest["version"], latest["variable"]) == ("$LATEST", None)
    answer = served.client("lambda").invoke(FunctionName="versions:live", InvocationType="DryRun")
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-executed-version"] == "1"


@pytest.mark.behaviour("FN-DEPLOYED-VERSIONS")
def test_what_is_not_there(served: Running, source: FakeFunctionSource) -> None:
    source.put("here", returning(1))
    call = served.client("lambda").invoke
    found = f"Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
    missing = ("ResourceNotFoundException", 404)
    assert refusal(call, FunctionName="nowhere") == (*missing, f"{found}nowhere")
    assert refusal(call, FunctionName="here", Qualifier="9") == (*missing, f"{found}here:9")
    elsewhere = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:here"
    assert "not reachable in this region" in refusal(call, FunctionName=elsewhere)[2]
    foreign = f"arn:aws:lambda:{REGION}:999999999999:function:here"
    assert refusal(call, FunctionName=foreign) == (*missing, f"Function not found: {foreign}")


@pytest.mark.behaviour("FN-DEPLOYED-FOREIGN")
@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"runtime": "nodejs22.x"}, "no node on PATH"),
        ({"runtime": "java21"}, "java21"),
        ({"runtime": "provided.al2023"}, "provided.al2023"),
        ({"runtime": "", "package": "Image"}, "container image"),
        ({"layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l:1"]}, "layers"),
        ({"sha256": ""}, "no code"),
    ],
)
def test_what_does_not_run_here_says_what_to_do(
    served: Running, source: FakeFunctionSource, members: dict[str, Any], named: str
) -> None:
    source.put("foreign", returning(1), **members)
    name, status, text = refusal(served.client("lambda").invoke, FunctionName="foreign")
    assert (name, status) == ("InvalidParameterValueException", 400)
    assert named in text
    assert "skerry.toml" in text


@pytest.mark.behaviour("FN-DEPLOYED-ZIP")
def test_a_package_that_is_no_zip(served: Running, source: FakeFunctionSource) -> None:
    source.put("broken", b"no zip")
    name, status, text = refusal(served.client("lambda").invoke, FunctionName="broken")
    assert (name, status, "could not unzip" in text) == ("InvalidZipFileException", 502, True)


@pytest.mark.behaviour("FN-DEPLOYED-CONCURRENCY")
def test_a_function_with_no_reserved_concurrency_left_is_throttled(
    served: Running, source: FakeFunctionSource
) -> None:
    source.put("throttled", returning(1), concurrency=0)
    name, status, _ = refusal(served.client("lambda").invoke, FunctionName="throttled")
    assert (name, status) == ("TooManyRequestsException", 429)


def test_a_failing_handler_is_told_as_lambda_tells_it(served: Running, source: FakeFunctionSource) -> None:
    source.put("failing", zipped(app="def handler(event, context): raise ValueError('no')"))
    source.put("nameless", returning(1), handler="app.nothing")
    for name, kind in (("failing", "ValueError"), ("nameless", "Runtime.HandlerNotFound")):
        answer = served.client("lambda").invoke(FunctionName=name)
        assert (answer["FunctionError"], json.load(answer["Payload"])["errorType"]) == ("Unhandled", kind)


def test_declared_functions_do_not_ask_the_embedded_cloud(
    served: Running, source: FakeFunctionSource
) -> None:
    source.away = True
    try:
        assert invoke(served, "mine", 7) == 7
        name, status, _ = refusal(served.client("lambda").invoke, FunctionName="other")
        assert (name, status) == ("ServiceUnavailable", 503)
    finally:
        source.away = False


# --- policies and URLs


@pytest.mark.behaviour("FN-DEPLOYED-PERMISSION")
def test_a_policy_is_kept_with_its_function(served: Running, source: FakeFunctionSource) -> None:
    source.put("guarded", returning(1))
    source.put("guarded", returning(1), qualifier="1")
    client = served.client("lambda")
    given = {
        "FunctionName": "guarded",
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
    }
    client.add_permission(StatementId="one", **given)
    client.add_permission(StatementId="one", Qualifier="1", **given)
    assert refusal(client.add_permission, StatementId="one", **given)[:2] == (
        "ResourceConflictException",
        409,
    )
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:guarded"
    for options, resource in (({}, arn), ({"Qualifier": "1"}, f"{arn}:1")):
        policy = json.loads(client.get_policy(FunctionName="guarded", **options)["Policy"])
        assert [item["Resource"] for item in policy["Statement"]] == [resource]
    client.remove_permission(FunctionName="guarded", StatementId="one")
    assert refusal(client.get_policy, FunctionName="guarded")[:2] == ("ResourceNotFoundException", 404)
    client.get_policy(FunctionName="guarded", Qualifier="1")
    source.delete("guarded")
    source.put("guarded", returning(1))
    source.put("guarded", returning(1), qualifier="1")
    missing = refusal(client.get_policy, FunctionName="guarded", Qualifier="1")
    assert missing[:2] == ("ResourceNotFoundException", 404)


@pytest.mark.behaviour("FN-DEPLOYED-PERMISSION")
def test_statements_of_cloudformation_are_shown_as_lambda_would(
    served: Running, source: FakeFunctionSource
) -> None:
    source.put("stacked", returning(1))
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stacked"
    half = {"FunctionName": "stacked", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Sid": "s"}
    source.statements["stacked"] = [{**half, "Principal": ACCOUNT, "Resource": arn}]
    policy = json.loads(served.client("lambda").get_policy(FunctionName="stacked")["Policy"])
    assert policy["Statement"] == [
        {
            "Sid": "s",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "lambda:InvokeFunction",
            "Resource": arn,
        }
    ]


@pytest.mark.behaviour("FN-DEPLOYED-URL")
def test_a_url_goes_with_its_function(served: Running, source: FakeFunctionSource) -> None:
    source.put("visited", returning("hello"))
    client = served.client("lambda")
    made = client.create_function_url_config(FunctionName="visited", AuthType="NONE")
    path = made["FunctionUrl"].removeprefix("http://127.0.0.1:9")
    assert visit(served, path) == (200, '"hello"')
    source.put("visited", returning("changed"))
    assert visit(served, path) == (200, '"changed"')
    source.delete("visited")
    assert visit(served, path) == (403, '{"Message":"Forbidden"}')
    source.put("visited", returning("another"))
    assert visit(served, path)[0] == 403
    missing = refusal(client.get_function_url_config, FunctionName="visited")
    assert missing[:2] == ("ResourceNotFoundException", 404)


@pytest.mark.behaviour("FN-DEPLOYED-URL")
def test_a_url_that_seeds_made_is_there(served: Running, source: FakeFunctionSource) -> None:
    source.put("seeded", returning("seed"), url={"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"})
    client = served.client("lambda")
    known = client.get_function_url_config(FunctionName="seeded")
    assert (known["AuthType"], known["InvokeMode"]) == ("NONE", "RESPONSE_STREAM")
    assert visit(served, known["FunctionUrl"].removeprefix("http://127.0.0.1:9")) == (200, '"seed"')
    client.delete_function_url_config(FunctionName="seeded")
    assert client.list_function_url_configs(FunctionName="seeded")["FunctionUrlConfigs"] == []


@pytest.mark.behaviour("FN-DEPLOYED-URL")
def test_versions_and_other_regions_have_no_urls(served: Running, source: FakeFunctionSource) -> None:
    source.put("plain", returning(1))
    source.put("plain", returning(1), qualifier="1")
    client = served.client("lambda")
    call = {"FunctionName": "plain", "AuthType": "NONE"}
    assert "Qualifier" in refusal(client.create_function_url_config, Qualifier="1", **call)[2]
    assert refusal(client.create_function_url_config, FunctionName="no", AuthType="NONE")[1] == 404


def visit(served: Running, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


# --- environments and code that are kept


def functions(state: Path, source: FakeFunctionSource, gone: list[str] | None = None) -> DeployedFunctions:
    told: list[str] = [] if gone is None else gone
    return DeployedFunctions(
        source,
        settings=settings(state),
        access=Ports().access,
        clock=RealClock(),
        monitor=Unmonitored(),
        on_gone=told.append,
    )


async def pool_of(found: DeployedFunctions, name: str) -> Any:
    return await found.pool(await found.find(FunctionName(name), REGION))


@pytest.mark.behaviour("FN-DEPLOYED-KEPT")
async def test_what_was_not_used_for_the_longest_time_makes_room(tmp_path: Path) -> None:
    source, store = FakeFunctionSource(), tmp_path / FOLDER
    found = functions(tmp_path, source)
    for number in range(deployed.POOLS):
        source.put(f"f{number}", returning(number))
        (await pool_of(found, f"f{number}")).release()
    assert len(list(store.iterdir())) == deployed.POOLS
    oldest = await pool_of(found, "f0")
    oldest.release()
    source.put("more", returning("more"))
    (await pool_of(found, "more")).release()
    await found.settled()
    assert len(list(store.iterdir())) == deployed.POOLS
    assert await pool_of(found, "f0") is oldest
    fetched = source.fetched
    await pool_of(found, "f1")
    assert source.fetched == fetched + 1
    await found.close()


@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
async def test_code_that_changes_after_the_look_is_looked_up_anew(tmp_path: Path) -> None:
    source = FakeFunctionSource()
    functions_of = functions(tmp_path, source)
    source.put("f", returning("old"))
    found = await functions_of.find(FunctionName("f"), REGION)
    source.put("f", returning("new"))
    pool = await functions_of.pool(found)
    assert "'new'" in (pool.function.settings.path / "app.py").read_text()
    await functions_of.close()


@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
async def test_code_stays_while_somebody_is_about_to_run_it(tmp_path: Path) -> None:
    source, gone = FakeFunctionSource(), list[str]()
    found = functions(tmp_path, source, gone)
    source.put("f", returning(1))
    pool = await pool_of(found, "f")
    source.delete("f")
    found.changed()
    await found.looked()
    assert gone == ["f"]
    assert pool.function.settings.path.is_dir()
    pool.release()
    await found.settled()
    assert not pool.function.settings.path.exists()
    await found.close()


@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
async def test_a_look_ends_only_what_changed(tmp_path: Path) -> None:
    source, gone = FakeFunctionSource(), list[str]()
    found = functions(tmp_path, source, gone)
    for name in ("same", "other"):
        source.put(name, returning(name))
    same, other = await pool_of(found, "same"), await pool_of(found, "other")
    same.release()
    other.release()
    source.put("other", returning("changed"))
    source.away = True
    found.changed()
    await found.looked()
    assert other.function.settings.path.is_dir()
    source.away = False
    found.changed()
    found.changed()
    await found.looked()
    await found.settled()
    assert not other.function.settings.path.exists()
    assert await pool_of(found, "same") is same
    assert gone == []
    await found.close()


async def test_those_who_come_at_once_share_the_environments(tmp_path: Path) -> None:
    source = FakeFunctionSource()
    found = functions(tmp_path, source)
    source.put("f", returning(1))
    pools = await asyncio.gather(*(pool_of(found, "f") for _ in range(5)))
    assert (len(set(pools)), source.fetched) == (1, 1)
    await found.close()


async def test_without_a_source_there_is_no_such_function(tmp_path: Path) -> None:
    found = DeployedFunctions(
        None,
        settings=settings(tmp_path),
        access=Ports().access,
        clock=RealClock(),
        monitor=Unmonitored(),
        on_gone=lambda _: None,
    )
    await found.start()
    assert (await found.find(FunctionName("f"), REGION)).told is None
    await found.close()
