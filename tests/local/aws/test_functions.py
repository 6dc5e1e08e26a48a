"""Moto's functions as the endpoint is told of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import lambda_backends
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

from skerry.local.aws import functions
from tests.kit.lambda_code import returning

REGION = "eu-west-1"
CODE, LATER = returning(1), returning(2)


class Account:
    """An account of moto's with the functions that a test makes."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.lambdas = lambda_backends[number][REGION]
        iam = iam_backends[number]["aws"]
        self.role = iam.create_role("r", "{}", "/", None, "", [], "3600").arn

    def make(self, name: str, code: bytes = CODE, **members: Any) -> Any:
        spec = {"Code": {"ZipFile": base64.b64encode(code).decode()}, "Role": self.role, "FunctionName": name}
        return self.lambdas.create_function(
            {"Handler": "app.handler", "Runtime": "python3.12", **spec, **members}
        )

    def asked(self, name: str, qualifier: str = "", *, region: str = REGION) -> dict[str, str]:
        return {"account": self.number, "region": region, "name": name, "qualifier": qualifier}

    def described(self, name: str, qualifier: str = "") -> Any:
        return functions.answer({**self.asked(name, qualifier), "do": "describe"})

    def code(self, name: str, qualifier: str = "") -> Any:
        return functions.answer({**self.asked(name, qualifier), "do": "code"})


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    number = f"{int(hashlib.sha256(request.node.name.encode()).hexdigest()[:10], 16):012d}"
    yield Account(number[:12])
    lambda_backends[number[:12]][REGION].reset()


@pytest.mark.behaviour("FN-DEPLOYED")
def test_a_function_is_told_with_all_that_a_run_needs(account: Account) -> None:
    account.make("f", Environment={"Variables": {"A": "1"}}, Timeout=7, MemorySize=256)
    told = account.described("f")
    assert told.pop("id")
    assert told == {
        "statements": [],
        "version": "$LATEST",
        "handler": "app.handler",
        "runtime": "python3.12",
        "role": account.role,
        "timeout": 7,
        "memory": 256,
        "environment": {"A": "1"},
        "package": "Zip",
        "layers": [],
        "sha256": base64.b64encode(hashlib.sha256(CODE).digest()).decode(),
        "concurrency": None,
        "url": None,
    }
    assert account.code("f") == CODE


@pytest.mark.behaviour("FN-DEPLOYED-VERSIONS")
def test_versions_and_aliases_are_found(account: Account) -> None:
    account.make("f")
    account.lambdas.publish_version("f")
    account.lambdas.update_function_code("f", "$LATEST", {"ZipFile": base64.b64encode(LATER).decode()})
    account.lambdas.create_alias("live", "f", "1", "", "")
    assert [account.described("f", name)["version"] for name in ("", "1", "live")] == ["$LATEST", "1", "1"]
    assert [account.code("f", name) for name in ("", "1", "live")] == [LATER, CODE, CODE]
    assert len({account.described("f", name)["id"] for name in ("", "1", "live", "none")}) == 1
    assert account.described("f", "none")["version"] is None
    assert account.described("other") is None
    assert functions.described(account.asked("f", region="mars-north-1")) is None


@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
def test_a_function_that_is_made_again_is_another_one(account: Account) -> None:
    account.make("f")
    first = account.described("f")["id"]
    account.lambdas.update_function_configuration("f", "$LATEST", {"Timeout": 9})
    assert account.described("f")["id"] == first
    account.lambdas.delete_function("f")
    account.make("f")
    assert account.described("f")["id"] != first


@pytest.mark.behaviour("FN-DEPLOYED-PERMISSION")
def test_a_policy_is_kept_for_one_arn_and_goes_with_the_function(account: Account) -> None:
    account.make("f")
    account.lambdas.publish_version("f")
    mine, other = {"Sid": "a", "Resource": "arn:f"}, {"Sid": "b", "Resource": "arn:f:1"}
    for resource, kept in (("arn:f", [mine]), ("arn:f:1", [other]), ("arn:f", [])):
        functions.answer({**account.asked("f"), "do": "policy", "resource": resource, "statements": kept})
    assert account.described("f")["statements"] == [other]
    assert account.described("f", "1")["statements"] == [other]
    account.lambdas.delete_function("f")
    functions.keep_policy(account.asked("f"), "arn:f", [mine])
    account.make("f")
    assert account.described("f")["statements"] == []


def test_a_function_without_its_latest_version_is_none(account: Account) -> None:
    account.make("f")
    account.lambdas.publish_version("f")
    account.lambdas.delete_function("f", "$LATEST")
    assert account.described("f") is None


@pytest.mark.behaviour("FN-DEPLOYED-CALLED")
def test_what_other_services_call_is_not_run(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    functions.run_nothing()
    account.make("f")
    headers: dict[str, str] = {}
    told = account.lambdas.invoke("f", None, "{}", {}, headers)
    assert b"for Invoke and Function URLs alone" in told
    assert headers["x-amz-function-error"]
    assert "f was called by another service" in caplog.text


def test_code_that_s3_does_not_have_leaves_the_code_before(account: Account) -> None:
    functions.take_code_as_lambda_does()
    account.make("f")
    s3 = s3_backends[account.number]["aws"]
    name = f"packages-{account.number}"
    s3.create_bucket(name, "us-east-1")
    for bucket, kind in ((name, "NoSuchKey"), (f"{name}-none", "NoSuchBucket")):
        with pytest.raises(InvalidParameterValueException, match=kind):
            account.lambdas.update_function_code("f", "$LATEST", {"S3Bucket": bucket, "S3Key": "none"})
        assert account.code("f") == CODE
