"""Declared functions in the words of Lambda's API."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

import pytest

from skerry.errors import ServiceError
from skerry.local.api.service_model import load
from skerry.local.functions import FunctionSettings, FunctionsSettings, configurations
from skerry.local.functions.function import Function
from tests.kit.plane import ACCOUNT, REGION

HANDLERS = Path(__file__).parent / "handlers"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"


def function(name: str = "orders", **settings: Any) -> Function:
    given = {"path": HANDLERS, "handler": "app.echo", **settings}
    plane = FunctionsSettings(
        state=Path("unused"), endpoint="http://127.0.0.1:9", region=REGION, account=ACCOUNT
    )
    return Function(name=name, arn=ARN, settings=FunctionSettings(**given), plane=plane)


@pytest.mark.behaviour("FN-DECLARED-SHOWN")
def test_a_configuration_says_what_is_known_and_nothing_else() -> None:
    shown = configurations.configuration(
        function(timeout=2.5, memory=256, environment={"TABLE": "orders"}), since=1.0
    )
    assert shown["Runtime"] == f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert (shown["Handler"], shown["Timeout"], shown["MemorySize"]) == ("app.echo", 3, 256)
    assert shown["Environment"] == {"Variables": {"TABLE": "orders"}}
    assert shown["Role"] == f"arn:aws:iam::{ACCOUNT}:role/orders"
    assert shown["Architectures"] == ["arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"]
    assert not {"CodeSha256", "CodeSize"} & set(shown)
    assert set(shown) <= set(load("lambda").shapes["FunctionConfiguration"]["members"])


@pytest.mark.parametrize("settings", [{"handler": "", "web": ("python", "web.py")}, {"python": "python3.9"}])
def test_what_runs_elsewhere_has_no_runtime(settings: dict[str, Any]) -> None:
    shown = configurations.configuration(function(**settings), since=0.0)
    assert "Runtime" not in shown
    assert ("Handler" in shown) is not bool(settings.get("web"))


def test_a_web_server_is_as_old_as_the_stack() -> None:
    shown = configurations.configuration(function(handler="", web=("python", "web.py")), since=1.5)
    assert shown["LastModified"] == "1970-01-01T00:00:01.500+0000"


def reply(method: str, path: str) -> Any:
    match = load("lambda").match(method, path.encode())
    assert match is not None
    return json.loads(configurations.perform(match, function(), 0.0).body)


@pytest.mark.behaviour("FN-DECLARED-SHOWN")
def test_get_function_says_where_the_code_is() -> None:
    whole = reply("GET", "/2015-03-31/functions/orders")
    assert whole["Code"] == {"RepositoryType": "skerry", "Location": HANDLERS.resolve().as_uri()}
    assert whole["Configuration"] == reply("GET", "/2015-03-31/functions/orders/configuration")


@pytest.mark.behaviour("FN-DECLARED-SHOWN")
@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("PUT", "/code"), ("PUT", "/configuration")])
def test_nothing_but_the_file_changes_a_declared_function(method: str, path: str) -> None:
    with pytest.raises(ServiceError, match=r"declared in skerry\.toml") as caught:
        reply(method, f"/2015-03-31/functions/orders{path}")
    assert (caught.value.name, caught.value.status) == ("ResourceConflictException", 409)


@pytest.mark.behaviour("FN-DECLARED-SHOWN")
def test_a_list_has_the_declared_functions_first_and_none_twice() -> None:
    others = [{"FunctionName": "orders", "Handler": "theirs"}, {"FunctionName": "other"}]
    body = json.dumps({"Functions": others, "NextMarker": "m"}).encode()
    answer = json.loads(configurations.listed(body, [function()], 0.0))
    assert [(item["FunctionName"], item.get("Handler")) for item in answer["Functions"]] == [
        ("orders", "app.echo"),
        ("other", None),
    ]
    assert answer["NextMarker"] == "m"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"Functions": 1', b'{"message": "no"}'])
def test_another_answer_is_left_as_it_is(body: bytes) -> None:
    assert configurations.listed(body, [function()], 0.0) == body
