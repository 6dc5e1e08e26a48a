"""The resource-based policies of the stack's functions: AddPermission, RemovePermission, GetPolicy.

What the operations change is kept in the state of the stack: a function that is not declared for a while
finds its policy again. The policy of a deployed function is kept with it, and goes with it.

Source: service model of Lambda (2015-03-31); Lambda developer guide, resource-based policies.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from skerry.auth.iam import PolicyError
from skerry.auth.iam import parse as parse_policy
from skerry.errors import ServiceError, StateError
from skerry.local.api.rest_json import Reply, parse, reply
from skerry.local.api.service_model import Match, load
from skerry.local.api.validation import validate
from skerry.local.functions import names
from skerry.local.functions.replies import not_found
from skerry.local.ports.functions import FunctionSource
from skerry.local.ports.permissions import Ask
from skerry.local.ports.resources import Kept
from skerry.wire.arn import is_arn, lambda_arn

OPERATIONS = frozenset({"AddPermission", "RemovePermission", "GetPolicy"})
KIND = "function-policy"
"""Of the records that are kept."""
PUBLISHED = "lambda.amazonaws.com"
"""Lambda, as a trust policy names it."""

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/policy(?:/[^/]+)?/?")
_ACCOUNT = re.compile(r"[0-9]{12}")


def policy_name(raw_path: bytes) -> str | None:
    """The function that a path of these operations names, or None for another path."""
    found = _PATH.fullmatch(raw_path.decode("latin-1"))
    return found[1] if found else None


class FunctionPolicies:
    """Statements by function and id, and the permissions that requests to functions need.

    Without `kept` they hold until the end of the process.
    """

    def __init__(self, region: str, account: str, kept: Kept | None = None) -> None:
        self._region, self._account = region, account
        self._kept = kept
        self._read: dict[str, dict[str, Any]] = {}

    async def perform(
        self, match: Match, query: bytes, headers: Any, body: bytes, *, resource: str = ""
    ) -> Reply:
        """Performs an operation for a function. Raises ServiceError.

        `resource` is the name with the version or alias of one that has such; a declared one has none.
        """
        model = load("lambda")
        given = parse(model, match, query, headers, body)
        validate(model, match.operation.input, given)
        name = names.parse(given["FunctionName"]).name
        if given.get("Qualifier") and not resource:
            raise not_found(f"Function not found: {self._arn(name)}:{given['Qualifier']}")
        name = resource or name
        act = _ACTS[match.operation.name]
        return reply(model, match.operation, await act(self, name, given))

    async def add(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """AddPermission."""
        known = self._statements(name)
        identifier = given["StatementId"]
        if identifier in known:
            raise ServiceError(
                "ResourceConflictException",
                409,
                f"The statement id ({identifier}) provided already exists. Please provide a new statement "
                "id, or remove the existing statement.",
                members={"Type": "User"},
            )
        for missing in ("EventSourceToken", "PrincipalOrgID"):
            if given.get(missing):
                raise names.invalid(f"{missing} is not emulated by skerry.")
        statement: dict[str, Any] = {
            "Sid": identifier,
            "Effect": "Allow",
            "Principal": _principal(str(given["Principal"])),
            "Action": given["Action"],
            "Resource": self._arn(name),
        }
        condition = _condition(given)
        if condition:
            statement["Condition"] = condition
        try:  # a policy that cannot be read would deny everything to everybody
            parse_policy(json.dumps({"Version": "2012-10-17", "Statement": [statement]}), "resource")
        except PolicyError as problem:
            raise names.invalid(str(problem)) from problem
        await self._change(name, {**known, identifier: statement})
        return {"Statement": json.dumps(statement)}

    async def remove(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """RemovePermission."""
        known = self._statements(name)
        if given["StatementId"] not in known:
            raise not_found(f"Statement {given['StatementId']} is not found in resource policy.")
        await self._change(name, {key: item for key, item in known.items() if key != given["StatementId"]})
        return {}

    async def get(self, name: str, _: Mapping[str, Any]) -> dict[str, Any]:
        """GetPolicy."""
        document = self._document(name)
        if document is None:
            raise not_found("The resource you requested does not exist.")
        return {"Policy": document, "RevisionId": str(uuid.uuid5(uuid.NAMESPACE_OID, document))}

    def invoke(self, name: str, *, by_url: bool = False) -> Ask:
        """The permission to invoke a function."""
        told = {"lambda:invokedviafunctionurl": ("true",)} if by_url else {}
        return self._ask("InvokeFunction", name, told)

    def url(self, name: str, *, auth: str) -> list[Ask]:
        """The permissions for a request to a Function URL; one without authorization lets everybody in.

        Both actions are asked for, as for URLs made since October 2025.
        """
        kind = "AWS_IAM" if auth == "iam" else "NONE"
        ask = self._ask("InvokeFunctionUrl", name, {"lambda:functionurlauthtype": (kind,)})
        if auth != "iam":
            return [Ask(ask.action, ask.resource, ask.context, ask.policies, open=True)]
        return [ask, self.invoke(name, by_url=True)]

    def operation(self, operation: str, name: str) -> Ask:
        """The permission for an operation on a function's configuration."""
        return self._ask(operation, name, {})

    def _ask(self, action: str, name: str, context: Mapping[str, tuple[str, ...]]) -> Ask:
        document = self._document(name)
        policies = () if document is None else ((f"of the function {name}", document),)
        return Ask(f"lambda:{action}", self._arn(name), context, policies)

    def _document(self, name: str) -> str | None:
        statements = self._statements(name)
        if not statements:
            return None
        return json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())})

    def _statements(self, name: str) -> dict[str, Any]:
        if name not in self._read:
            record = self._kept.get(KIND, name) if self._kept is not None else None
            self._read[name] = dict((record or {}).get("statements", {}))
        return self._read[name]

    async def _change(self, name: str, statements: dict[str, Any]) -> None:
        """Holds at once, and is answered when it is stored. Raises ServiceError (500)."""
        before, self._read[name] = self._read[name], statements
        if self._kept is None:
            return
        try:
            await self._kept.keep(KIND, name, {"statements": statements} if statements else None)
        except StateError as problem:
            self._read[name] = before
            raise ServiceError("ServiceException", 500, problem.message) from problem

    def _arn(self, name: str) -> str:
        return lambda_arn(self._region, self._account, name)


class KeptStatements:
    """Implements `Kept` for a deployed function that was just looked up: its policy is kept with it.

    `told` is what `source` says of the function, None when there is none. Keys are names with what stands for
    a version or an alias.
    """

    def __init__(
        self, told: Mapping[str, Any] | None, asked: Mapping[str, str], source: FunctionSource | None
    ) -> None:
        self._told = told or {}
        self._asked = asked
        self._source = source

    def get(self, kind: str, key: str) -> dict[str, Any]:
        """The statements for an ARN, by their ids."""
        del kind
        arn = self._arn(key)
        found = [_readable(item) for item in self._told.get("statements", ()) if item.get("Resource") == arn]
        return {"statements": {item["Sid"]: item for item in found}}

    async def keep(self, kind: str, key: str, record: Mapping[str, Any] | None) -> None:
        """Puts other ones in their place."""
        del kind
        assert self._source is not None
        statements = list((record or {}).get("statements", {}).values())
        await self._source.keep_function_policy(self._asked, self._arn(key), statements)

    def _arn(self, key: str) -> str:
        return lambda_arn(self._asked["region"], self._asked["account"], key)


def _readable(statement: Mapping[str, Any]) -> dict[str, Any]:
    """A statement as AddPermission makes it here; CloudFormation and seeds leave theirs half done."""
    kept = {name: statement[name] for name in _MEMBERS if statement.get(name)}
    for operator, keys in _condition({name: statement.get(name) for name in _OF_URLS}).items():
        kept["Condition"] = {
            **kept.get("Condition", {}),
            operator: {**kept.get("Condition", {}).get(operator, {}), **keys},
        }
    principal = kept.get("Principal")
    return {**kept, "Principal": _principal(principal) if isinstance(principal, str) else principal}


_MEMBERS = ("Sid", "Effect", "Principal", "Action", "Resource", "Condition")
_OF_URLS = ("FunctionUrlAuthType", "InvokedViaFunctionUrl")
"""Members of AddPermission that the embedded cloud leaves beside the condition."""

_Act = Callable[[FunctionPolicies, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
_ACTS: Mapping[str, _Act] = {
    "AddPermission": FunctionPolicies.add,
    "RemovePermission": FunctionPolicies.remove,
    "GetPolicy": FunctionPolicies.get,
}


def _principal(given: str) -> Any:
    """A Principal: anybody, an account, an ARN or a service."""
    if given == "*":
        return "*"
    if _ACCOUNT.fullmatch(given):
        return {"AWS": f"arn:aws:iam::{given}:root"}
    if is_arn(given):
        return {"AWS": given}
    if "." in given:
        return {"Service": given}
    raise names.invalid(f"The principal {given[:128]} is none: it is an account, an ARN, a service or *.")


def _condition(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if given.get("SourceArn"):
        found["ArnLike"] = {"AWS:SourceArn": given["SourceArn"]}
    equals = {
        "AWS:SourceAccount": given.get("SourceAccount"),
        "lambda:FunctionUrlAuthType": given.get("FunctionUrlAuthType"),
    }
    equals = {key: value for key, value in equals.items() if value}
    if equals:
        found["StringEquals"] = equals
    if given.get("InvokedViaFunctionUrl") is not None:
        found["Bool"] = {"lambda:InvokedViaFunctionUrl": given["InvokedViaFunctionUrl"]}
    return found
