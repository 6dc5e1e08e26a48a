"""Handlers for Node, run by the client of the Runtime API in `node_client.cjs`."""

from __future__ import annotations

import asyncio
import base64
import http.client
import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from skerry.local.functions import FunctionsPlane, FunctionsSettings
from tests.kit.lambda_code import FakeFunctionSource
from tests.kit.plane import ACCOUNT, REGION, Ports, Running, running
from tests.kit.processes import ended

NODE = shutil.which("node") or ""
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there are no functions on Windows"),
    pytest.mark.skipif(not NODE, reason="there is no node on this machine"),
    pytest.mark.behaviour("FN-DEPLOYED-NODE"),
]
TELLS = """
import { near } from "./near.mjs";
export const handler = async (event, context) => ({
  event, near,
  arn: context.invokedFunctionArn,
  custom: context.clientContext?.custom,
  left: context.getRemainingTimeInMillis() > 1000,
  version: context.functionVersion,
  colour: process.env.COLOUR,
  pid: process.pid,
});
"""
STREAMS = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const http = awslambda.HttpResponseStream.from(stream, { statusCode: 203, headers: { "x-a": "b" } });
  http.write("one ");
  if (event.rawPath === "/breaks") throw new RangeError("in the middle");
  http.write("two");
  http.end();
});
"""
HANDLERS: dict[str, dict[str, str]] = {
    "module": {"app.mjs": TELLS, "near.mjs": "export const near = 'of the zip';"},
    "calls-back": {
        "app.js": "exports.handler = (event, context, back) => setTimeout(back, 1, null, [event]);"
    },
    "plain": {"app.js": "exports.handler = (event) => event;"},
    "nothing": {"app.cjs": "exports.handler = async () => {};"},
    "nested": {"src/app.js": "exports.api = { get: async () => 'nested' };"},
    "prints": {"app.js": "exports.handler = async () => { console.log('a line'); return 1; };"},
    "throws": {"app.js": "exports.handler = async () => { throw new TypeError('no'); };"},
    "refuses": {"app.js": "exports.handler = (event, context, back) => back(new Error('called back'));"},
    "exits": {"app.js": "exports.handler = async () => process.exit(3);"},
    "astray": {
        "app.js": "exports.handler = async () => { Promise.reject(new Error('lost')); await new Promise(() => {}); };"
    },
    "broken": {"app.js": "exports.handler = ("},
    "lacks": {"app.js": "require('not-there');"},
    "unexported": {"app.js": "exports.other = 1;"},
    "absent": {"other.js": ""},
    "streams": {"app.js": STREAMS},
}
NAMED = {"nested": "src/app.api.get", "malformed": "app"}


def packed(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    state, source = tmp_path_factory.mktemp("state"), FakeFunctionSource()
    for name, files in HANDLERS.items():
        handler = NAMED.get(name, "app.handler")
        source.put(name, packed(files), runtime="nodejs22.x", handler=handler, environment={"COLOUR": "blue"})
    source.put("malformed", packed({"app.js": ""}), runtime="nodejs20.x", handler="app")

    def plane(ports: Ports) -> FunctionsPlane:
        options = {"endpoint": "http://127.0.0.1:9", "region": REGION, "account": ACCOUNT, "node": NODE}
        settings = FunctionsSettings(state=state, **options)
        return FunctionsPlane(
            access=ports.access, recorder=ports.hops, clock=ports.clock, settings=settings, source=source
        )

    with running(plane) as found:
        yield found


def invoke(served: Running, name: str, event: Any = None, **options: Any) -> tuple[Any, dict[str, Any]]:
    answer = served.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
    return json.loads(answer["Payload"].read()), answer


def test_a_module_sees_its_event_its_context_and_its_variables(served: Running) -> None:
    given = base64.b64encode(json.dumps({"custom": {"bedrockAgentCoreToolName": "t"}}).encode()).decode()
    told, answer = invoke(served, "module", {"a": ["ü"]}, ClientContext=given)
    pid = told.pop("pid")
    assert told == {
        "event": {"a": ["ü"]},
        "near": "of the zip",
        "arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:module",
        "custom": {"bedrockAgentCoreToolName": "t"},
        "left": True,
        "version": "$LATEST",
        "colour": "blue",
    }
    assert "FunctionError" not in answer
    assert invoke(served, "module")[0]["pid"] == pid


@pytest.mark.parametrize(
    ("name", "value"), [("calls-back", [7]), ("plain", 7), ("nothing", None), ("nested", "nested")]
)
def test_every_kind_of_handler(served: Running, name: str, value: Any) -> None:
    assert invoke(served, name, 7)[0] == value


def test_what_is_printed_is_in_the_log(served: Running) -> None:
    _, answer = invoke(served, "prints", LogType="Tail")
    assert "a line" in base64.b64decode(answer["LogResult"]).decode()


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("throws", "TypeError", "no"),
        ("refuses", "Error", "called back"),
        ("exits", "Runtime.ExitError", "exit status 3"),
        ("astray", "Runtime.ExitError", "exit status 128"),
        ("broken", "Runtime.UserCodeSyntaxError", "Unexpected"),
        ("lacks", "Runtime.ImportModuleError", "not-there"),
        ("unexported", "Runtime.HandlerNotFound", "app.handler"),
        ("absent", "Runtime.ImportModuleError", "'app'"),
        ("malformed", "Runtime.MalformedHandlerName", "'app'"),
    ],
)
def test_what_goes_wrong_is_told_as_lambda_tells_it(
    served: Running, name: str, kind: str, message: str
) -> None:
    told, answer = invoke(served, name)
    assert (answer["FunctionError"], told["errorType"]) == ("Unhandled", kind)
    assert message in told["errorMessage"]


def test_a_handler_streams_to_its_url(served: Running) -> None:
    client = served.client("lambda")
    made = client.create_function_url_config(
        FunctionName="streams", AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )
    path = made["FunctionUrl"].removeprefix("http://127.0.0.1:9")
    assert visit(served, path) == (203, "b", b"one two")
    with pytest.raises(http.client.IncompleteRead) as caught:
        visit(served, f"{path}breaks")
    assert caught.value.partial == b"one "
    assert visit(served, path) == (203, "b", b"one two")
    assert len(served.plane.environments("streams")) == 1  # which went on


def visit(served: Running, path: str) -> tuple[int, str | None, bytes]:
    with closing(http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers["x-a"], answer.read()


def test_it_ends_with_the_stack(served: Running, tmp_path: Path) -> None:
    """Its standard input is all that tells it: a stack that is killed says nothing."""
    client = Path(sys.modules[FunctionsPlane.__module__].__file__ or "").with_name("node_client.cjs")
    (tmp_path / "app.js").write_text("exports.handler = async () => 1;")

    async def scenario() -> bool:
        reading, writing = os.pipe()
        environment = {"AWS_LAMBDA_RUNTIME_API": urlsplit(served.url).netloc, "_HANDLER": "app.handler"}
        process = await asyncio.create_subprocess_exec(
            NODE,
            str(client),
            stdin=reading,
            env=environment | {"LAMBDA_TASK_ROOT": str(tmp_path)},
            start_new_session=True,
        )
        os.close(reading)
        os.close(writing)
        await process.wait()
        return await ended(process.pid)

    assert asyncio.run(scenario())
