"""What is said of requests to Lambda before the embedded cloud performs them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from skerry.errors import ServiceError, access_denied
from skerry.local.functions import FunctionSettings, FunctionsSettings
from skerry.local.functions.admission import Admission
from skerry.local.functions.function import Function
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import Ask, Notes
from tests.kit.plane import ACCOUNT, REGION

ROLE = f"arn:aws:iam::{ACCOUNT}:role/desk"
ALL = "/2015-03-31/functions"
GIVEN = {"FunctionName": "orders", "Role": ROLE, "Handler": "app.handler", "Code": {"ZipFile": "UEs="}}
CALLER = Caller(kind="iam", arn=f"arn:aws:iam::{ACCOUNT}:user/ann")


class Recorded:
    """Implements `ports.Permissions`: keeps what is asked, and refuses one action or every role."""

    def __init__(self, *, refused: str = "", untrusted: bool = False) -> None:
        self.asked: list[Ask] = []
        self.sources: list[str] = []
        self._refused, self._untrusted = refused, untrusted

    async def check(self, caller: Caller, asks: Sequence[Ask], notes: Notes) -> None:
        del caller, notes
        self.asked += asks
        if any(ask.action == self._refused for ask in asks):
            raise access_denied("no")

    async def trusted(self, role_arn: str, service: str, source_arn: str, notes: Notes) -> str:
        del role_arn, notes
        self.sources.append(f"{service} {source_arn}")
        return "why" if self._untrusted else ""


async def admit(
    permissions: Recorded, method: str, path: str, body: Any = b"", *, region: str = REGION
) -> Any:
    settings = FunctionSettings(path=Path(), handler="app.echo")
    plane = FunctionsSettings(
        state=Path("unused"), endpoint="http://127.0.0.1:9", region=REGION, account=ACCOUNT
    )
    declared = Function(name="mine", arn="arn", settings=settings, plane=plane)
    admission = Admission({"mine": declared}, permissions, place=(REGION, ACCOUNT), since=0.0)
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    scope: Any = {"method": method, "raw_path": path.encode()}
    return await admission.admit(scope, sent, CALLER, region, [])


@pytest.mark.behaviour("FN-DEPLOYED-ROLE")
@pytest.mark.parametrize("path", [ALL, f"{ALL}/", "/2015-03-31/%66unctions", "/2099-01-01/functions"])
async def test_a_role_is_passed_by_whoever_makes_a_function(path: str) -> None:
    permissions = Recorded()
    assert await admit(permissions, "POST", path, GIVEN) is None
    assert permissions.asked == [
        Ask("iam:PassRole", ROLE, {"iam:passedtoservice": ("lambda.amazonaws.com",)})
    ]
    assert permissions.sources == [f"lambda.amazonaws.com arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"]
    with pytest.raises(ServiceError) as caught:
        await admit(Recorded(refused="iam:PassRole"), "POST", path, GIVEN)
    assert caught.value.status == 403


@pytest.mark.behaviour("FN-DEPLOYED-ROLE")
async def test_a_large_package_is_looked_through_too() -> None:
    permissions = Recorded()
    await admit(permissions, "POST", ALL, {**GIVEN, "Code": {"ZipFile": "U" * 400_000}})
    assert [ask.action for ask in permissions.asked] == ["iam:PassRole"]


@pytest.mark.behaviour("FN-DEPLOYED-ROLE")
async def test_a_role_that_lambda_may_not_take() -> None:
    with pytest.raises(ServiceError, match="cannot be assumed by Lambda") as caught:
        await admit(Recorded(untrusted=True), "POST", ALL, GIVEN)
    assert (caught.value.name, caught.value.status) == ("InvalidParameterValueException", 400)


@pytest.mark.behaviour("FN-DEPLOYED-ROLE")
async def test_another_role_is_passed_too() -> None:
    permissions = Recorded()
    await admit(permissions, "PUT", f"{ALL}/orders/configuration", {"Role": ROLE})
    assert [ask.resource for ask in permissions.asked] == [ROLE]
    permissions = Recorded()
    await admit(permissions, "PUT", f"{ALL}/orders/configuration", {"Timeout": 3})
    assert permissions.asked == []


@pytest.mark.behaviour("FN-DEPLOYED-ROLE")
@pytest.mark.parametrize(("method", "path"), [("POST", ALL), ("PUT", f"{ALL}/orders/configuration")])
async def test_variables_that_lambda_keeps_for_itself(method: str, path: str) -> None:
    given = {**GIVEN, "Environment": {"Variables": {"AWS_REGION": "x", "TABLE": "t", "_HANDLER": "y"}}}
    with pytest.raises(ServiceError, match=r"used in this request: AWS_REGION, _HANDLER$"):
        await admit(Recorded(), method, path, given)


@pytest.mark.behaviour("FN-DECLARED-NAME")
@pytest.mark.parametrize("name", ["mine", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:mine"])
async def test_the_name_of_a_declared_function_is_taken(name: str) -> None:
    with pytest.raises(ServiceError, match=r"^Function already exist: mine$") as caught:
        await admit(Recorded(), "POST", ALL, {**GIVEN, "FunctionName": name})
    assert (caught.value.name, caught.value.status) == ("ResourceConflictException", 409)
    assert await admit(Recorded(), "POST", ALL, {**GIVEN, "FunctionName": name}, region="eu-west-1") is None


@pytest.mark.behaviour("FN-DECLARED-SHOWN")
async def test_a_list_of_the_stacks_own_region_has_the_declared_functions() -> None:
    narrow = await admit(Recorded(), "GET", f"{ALL}/")
    assert [item["FunctionName"] for item in json.loads(narrow(b'{"Functions": []}'))["Functions"]] == [
        "mine"
    ]
    assert await admit(Recorded(), "GET", f"{ALL}/", region="eu-west-1") is None


@pytest.mark.parametrize(
    "path",
    ["/2014-11-13/functions/orders/invoke-async", "/v1/functions/a/b/invocations", f"{ALL}/a%2Finvocations"],
)
async def test_nothing_is_run_by_the_embedded_cloud(path: str) -> None:
    with pytest.raises(ServiceError, match="InvocationType Event"):
        await admit(Recorded(), "POST", path)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"Role": 1}', b'{"Environment": []}', b'{"Role": "arn:"}']
)
async def test_what_is_no_request_is_for_the_embedded_cloud_to_refuse(body: bytes) -> None:
    assert await admit(Recorded(), "POST", ALL, body) is None
