"""Moto's Lambda functions as skerry runs them: configuration, code and policy, read in moto's own process."""

from __future__ import annotations

import base64
import functools
import io
import logging
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaBackend, LambdaFunction

_ID = "skerry_id"
"""Member of moto's function: which one of that name it is. Published versions have that of their function."""
_CODE = ("code_bytes", "code_size", "code_sha_256", "code_digest")
_CFN_RESPONSE = Path(__file__).with_name("cfn_response.cjs")
_NO_KEY = (
    "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not "
    "exist."
)

Asked = Mapping[str, str]

_log = logging.getLogger("skerry.local.aws")


def answer(given: Mapping[str, Any]) -> dict[str, Any] | bytes | None:
    """What the endpoint asks: `given` has `region`, `account`, `name`, `qualifier` and what to `do`.

    That is `describe`, `code`, or `policy` with a `resource` and its `statements`.
    """
    if given["do"] == "describe":
        return described(given)
    if given["do"] == "code":
        return code(given)
    keep_policy(given, given["resource"], given["statements"])
    return None


def described(asked: Asked) -> dict[str, Any] | None:
    """A function in the version that a qualifier ("" for none) names, None when there is no such function.

    `version` is None where it has no such version or alias, and then nothing follows but the `id` of the
    function and the `statements` of its policy, for all its versions and aliases. `sha256` is in base64, as
    AWS gives it; `concurrency` None where none is reserved; `url` is the configuration of its URL, or None.
    """
    found = _function(asked, "")
    if found is None:
        return None
    if not hasattr(found, _ID):
        setattr(found, _ID, uuid.uuid4().hex)
    told = {"id": getattr(found, _ID), "statements": list(found.policy.statements), "version": None}
    version = _function(asked, asked["qualifier"])
    if version is None:
        return told
    reserved = found.reserved_concurrency
    return told | {
        "version": str(version.version),
        "handler": version.handler or "",
        "runtime": version.run_time or "",
        "role": version.role,
        "timeout": int(version.timeout),
        "memory": int(version.memory_size),
        "environment": {name: str(value) for name, value in (version.environment_vars or {}).items()},
        "package": version.package_type,
        "layers": [layer["Arn"] for layer in version.layers],
        "sha256": version.code_sha_256,
        "concurrency": None if reserved is None else int(reserved),
        "url": found.url_config.config if found.url_config else None,
    }


def code(asked: Asked) -> bytes:
    """The zip of a version of a function; empty when it has none."""
    found = _function(asked, asked["qualifier"])
    return getattr(found, "code_bytes", b"")


def keep_policy(asked: Asked, resource: str, statements: list[dict[str, Any]]) -> None:
    """Puts the statements of a function's policy for one ARN in the place of those before."""
    found = _function(asked, "")
    if found is not None:
        policy = found.policy
        policy.statements = [item for item in policy.statements if item.get("Resource") != resource]
        policy.statements += statements
        policy.revision = str(uuid.uuid4())


@functools.cache
def take_code_as_lambda_does() -> None:
    """Inline code of a template may be for Node, counts at updates, and missing objects are errors.

    Moto makes a zip of inline code only for new functions, with `index.py` in it, and fails where S3 has no
    such object.
    """
    from moto.awslambda.exceptions import InvalidParameterValueException
    from moto.awslambda.models import LambdaFunction

    update, take = LambdaFunction.update_from_cloudformation_json.__func__, LambdaFunction._set_function_code  # type: ignore[attr-defined]  # noqa: SLF001

    create, pack = (
        getattr(LambdaFunction, name)
        for name in ("create_from_cloudformation_json", "_create_zipfile_from_plaintext_code")
    )

    def packed_code(text: str) -> bytes:
        packed: bytes = _packed_for_node(text) if isinstance(text, _NodeCode) else pack(text)
        return packed

    def created(
        cls: type[LambdaFunction], name: str, definition: dict[str, Any], *given: Any, **named: Any
    ) -> LambdaFunction:
        found: LambdaFunction = create.__func__(cls, name, _marked(definition), *given, **named)
        return found

    def updated(cls: type[LambdaFunction], *given: Any, **named: Any) -> LambdaFunction:
        named["cloudformation_json"] = _marked(named["cloudformation_json"])
        properties = named["cloudformation_json"]["Properties"]
        text = properties["Code"].get("ZipFile")
        if isinstance(text, str):
            packed = base64.b64encode(cls._create_zipfile_from_plaintext_code(text))
            properties = {**properties, "Code": {**properties["Code"], "ZipFile": packed}}
            named["cloudformation_json"] = {**named["cloudformation_json"], "Properties": properties}
        found: LambdaFunction = update(cls, *given, **named)
        return found

    def set_code(self: LambdaFunction, given: dict[str, Any]) -> None:
        before = {name: getattr(self, name) for name in _CODE if hasattr(self, name)}
        try:
            take(self, given)
        except ValueError as problem:
            if problem.args[:1] != ("InvalidParameterValueException",):
                raise
            raise InvalidParameterValueException(str(problem.args[1])) from problem
        if "S3Key" in given and "ZipFile" not in given and not self.code_bytes:
            vars(self).update(before)
            raise InvalidParameterValueException(_NO_KEY)

    setattr(LambdaFunction, "_create_zipfile_from_plaintext_code", staticmethod(packed_code))  # noqa: B010
    setattr(LambdaFunction, "create_from_cloudformation_json", classmethod(created))  # noqa: B010
    setattr(LambdaFunction, "update_from_cloudformation_json", classmethod(updated))  # noqa: B010
    setattr(LambdaFunction, "_set_function_code", set_code)  # noqa: B010


class _NodeCode(str):
    """Code of a template for Node."""

    __slots__ = ()


def _marked(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition of a function whose inline code is known to be for Node, where it is."""
    properties = definition["Properties"]
    text = properties.get("Code", {}).get("ZipFile")
    if not isinstance(text, str) or not str(properties.get("Runtime")).startswith("nodejs"):
        return definition
    code = {**properties["Code"], "ZipFile": _NodeCode(text)}
    return {**definition, "Properties": {**properties, "Code": code}}


def _packed_for_node(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.js", str(text))
        archive.writestr("node_modules/cfn-response/index.js", _CFN_RESPONSE.read_bytes())
    return made.getvalue()


@functools.cache
def run_nothing() -> None:
    """What other services of moto call a function for fails, and is logged.

    Moto would have a container engine fetch an image and run it, outside of the stack.
    """
    from moto.awslambda.models import LambdaFunction

    def refuse(self: LambdaFunction, event: str | None = None) -> tuple[str, bool, str]:
        del event
        _log.warning(
            "%s was called by another service, for which skerry runs no function", self.function_name
        )
        return "skerry runs functions for Invoke and Function URLs alone.", True, ""

    setattr(LambdaFunction, "_invoke_lambda", refuse)  # noqa: B010


def _function(asked: Asked, qualifier: str) -> LambdaFunction | None:
    """What moto finds; a function without qualifier is its $LATEST, which may be deleted while others are."""
    from moto.awslambda.exceptions import UnknownFunctionException

    lambdas = _backend(asked["account"], asked["region"])
    if lambdas is None:
        return None
    try:
        found: LambdaFunction | None = lambdas.get_function(asked["name"], qualifier or None)
    except UnknownFunctionException:
        return None
    return found


def _backend(account: str, region: str) -> LambdaBackend | None:
    from moto.awslambda.models import lambda_backends

    return lambda_backends[account].get(region)
