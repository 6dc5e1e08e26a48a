"""Resource-based policies of runtimes, their endpoints and gateways: read, and asked before a call.

Every key of a stack may do everything, as an identity policy that allows all would have it. Under AWS's rules
(an explicit deny wins, an allow of either side is enough within one account) the only thing that a resource
policy can change then is a `Deny`, so that is what is looked for. A condition that could not be decided here
is refused when the policy is stored, never passed over.

Source: IAM user guide, policy evaluation logic and JSON policy elements; AgentCore developer guide,
resource-based policies.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skerry.errors import ServiceError, access_denied, validation
from skerry.local.ports import Caller
from skerry.local.principals import role_of
from skerry.local.resources import Resources

KIND = "resource-policy"
VERSIONS = ("2012-10-17", "2008-10-17")

_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_PAIRS = (("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource"))


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; lists as lists. `principals` holds ARNs, account numbers or `*`."""

    deny: bool
    principals: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    negated: frozenset[str]

    def applies(self, caller: Caller, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Whether the statement is about this call."""
        who = any(_is_principal(pattern, caller) for pattern in self.principals)
        what = any(_like(pattern, action, fold=True) for pattern in self.actions)
        return (
            who is not ("Principal" in self.negated)
            and what is not ("Action" in self.negated)
            and self.about(resource) is not ("Resource" in self.negated)
            and all(_holds(operator, context.get(key), values) for operator, key, values in self.conditions)
        )

    def about(self, resource: str) -> bool:
        """Whether a pattern of the statement's resources is this ARN's."""
        return any(_like(pattern, resource) for pattern in self.resources)


class ResourcePolicies:
    """Implements `ports.Permissions` from the stored policies."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    @property
    def used(self) -> bool:
        """Whether there is any policy."""
        return self._resources.has(KIND)

    def check(self, caller: Caller, action: str, *arns: str) -> None:
        """Raises AccessDeniedException (403) when a policy of one of the resources denies the action."""
        for arn in arns:
            record = self._resources.get(KIND, arn)
            if record is None:
                continue
            context = _context(caller)
            for statement in read(record["policy"]):
                if statement.deny and statement.applies(caller, action, arn, context):
                    raise access_denied(
                        f"User: {caller.name} is not authorized to perform: {action} on resource: {arn}"
                        " with an explicit deny in a resource-based policy"
                    )


@functools.lru_cache(maxsize=256)
def read(policy: str) -> tuple[Statement, ...]:
    """The statements of a policy document.

    Raises ValidationException for what is no policy and a 501 for a condition that is not decided here.
    """
    try:
        document = json.loads(policy)
    except (ValueError, RecursionError) as error:
        raise _broken("The policy is not valid JSON.") from error
    if not isinstance(document, dict):
        raise _broken("The policy must be a JSON object.")
    if document.get("Version", VERSIONS[1]) not in VERSIONS:
        raise _broken(f"Version must be {' or '.join(VERSIONS)}.")
    unknown = sorted(set(document) - {"Version", "Id", "Statement"})
    if unknown:
        raise _broken(f"{unknown[0]} is no element of a policy.")
    statements = _list(document.get("Statement"))
    if not statements:
        raise _broken("Statement is missing or empty.")
    return tuple(_statement(item) for item in statements)


def _statement(given: object) -> Statement:
    if not isinstance(given, dict):
        raise _broken("A Statement must be an object.")
    unknown = sorted(set(given) - _ELEMENTS)
    if unknown:
        raise _broken(f"{unknown[0]} is no element of a Statement.")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise _broken("Effect must be Allow or Deny.")
    found: dict[str, tuple[str, ...]] = {}
    negated = set()
    for name, opposite in _PAIRS:
        if (name in given) == (opposite in given):
            raise _broken(f"A Statement needs exactly one of {name} and {opposite}.")
        if opposite in given:
            negated.add(name)
        value = given.get(name, given.get(opposite))
        found[name] = _principals(value) if name == "Principal" else _texts(value, name)
    for action in found["Action"]:
        if action != "*" and ":" not in action:
            raise _broken(f"{action[:64]} is no action: it has the form bedrock-agentcore:InvokeGateway.")
    return Statement(
        deny=given["Effect"] == "Deny",
        principals=found["Principal"],
        actions=found["Action"],
        resources=found["Resource"],
        conditions=tuple(_conditions(given.get("Condition", {}))),
        negated=frozenset(negated),
    )


def _principals(value: object) -> tuple[str, ...]:
    if value == "*":
        return ("*",)
    if not isinstance(value, dict) or not value:
        raise _broken('Principal must be "*" or an object such as {"AWS": "arn:aws:iam::…:role/…"}.')
    unknown = sorted(set(value) - {"AWS", "Service", "Federated", "CanonicalUser"})
    if unknown:
        raise _broken(f"{unknown[0]} is no kind of Principal.")
    return tuple(text for kind, names in value.items() for text in _texts(names, f"Principal.{kind}"))


def _texts(value: object, where: str) -> tuple[str, ...]:
    found = _list(value)
    if not found or not all(isinstance(item, str) and item for item in found):
        raise _broken(f"{where} must be a text or a list of texts.")
    return tuple(str(item) for item in found)


def _conditions(given: object) -> list[tuple[str, str, tuple[str, ...]]]:
    if not isinstance(given, dict) or not all(isinstance(keys, dict) for keys in given.values()):
        raise _broken("Condition must be an object of operators, each an object of keys.")
    found = []
    for operator, keys in given.items():
        if operator.removesuffix("IfExists") not in _OPERATORS:
            known = ", ".join(_OPERATORS)
            raise ServiceError(
                "UnknownOperationException",
                501,
                f"The condition operator {operator[:64]} is not emulated by skerry yet.",
                hint=f"Known are {known}, each also with IfExists.",
            )
        for key, values in keys.items():
            texts = [str(item).lower() if isinstance(item, bool) else item for item in _list(values)]
            found.append((operator, key.lower(), _texts(texts, f"Condition.{operator}.{key}")))
    return found


def _list(value: object) -> Sequence[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _broken(message: str) -> ServiceError:
    return validation(message, ("policy", message))


# --- who, what, under which conditions


def _is_principal(pattern: str, caller: Caller) -> bool:
    """Whether a principal of a policy is the caller: itself, its role, its account, or anybody.

    Who was not proved by IAM is nobody but "anybody".
    """
    if pattern == "*":
        return True
    if caller.kind != "iam":
        return False
    role = role_of(caller.arn)
    account = caller.arn.split(":")[4]
    if pattern in (caller.arn, account, f"arn:aws:iam::{account}:root"):
        return True
    # The path of a role is not in the ARN of its session.
    return (
        bool(role)
        and pattern.partition(":role/")[0] == role.partition(":role/")[0]
        and (pattern.rpartition("/")[2] == role.rpartition("/")[2])
    )


def _context(caller: Caller) -> dict[str, str]:
    """The condition keys that are known of a call. Everything comes from this machine, over plain HTTP."""
    known = {"aws:sourceip": "127.0.0.1", "aws:securetransport": "false"}
    if caller.kind == "iam":
        known["aws:principalarn"] = role_of(caller.arn) or caller.arn
        known["aws:principalaccount"] = caller.arn.split(":")[4]
        known["aws:userid"] = caller.user_id
    return known


@functools.lru_cache(maxsize=1024)
def _pattern(pattern: str, *, fold: bool) -> re.Pattern[str]:
    parts = [{"*": ".*", "?": "."}.get(piece) or re.escape(piece) for piece in re.split(r"([*?])", pattern)]
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if fold else 0))


def _like(pattern: str, text: str, *, fold: bool = False) -> bool:
    return _pattern(pattern, fold=fold).fullmatch(text) is not None


def _within(network: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


_OPERATORS: Mapping[str, Callable[[str, str], Any]] = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringNotEquals": lambda wanted, found: wanted == found,
    "StringEqualsIgnoreCase": lambda wanted, found: wanted.lower() == found.lower(),
    "StringNotEqualsIgnoreCase": lambda wanted, found: wanted.lower() == found.lower(),
    "StringLike": _like,
    "StringNotLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "ArnNotEquals": _like,
    "ArnNotLike": _like,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
    "IpAddress": _within,
    "NotIpAddress": _within,
    "Null": lambda wanted, found: wanted.lower() == found,
}
"""How a value of a condition is compared with the key's; operators with `Not` turn the outcome round."""


def _holds(operator: str, found: str | None, wanted: Sequence[str]) -> bool:
    """Whether a condition holds: one of the values fits, or none for a negated operator."""
    name = operator.removesuffix("IfExists")
    if name == "Null":
        return any(item.lower() == ("true" if found is None else "false") for item in wanted)
    if found is None:
        return "Not" in name or name != operator
    fits = any(_OPERATORS[name](item, found) for item in wanted)
    return fits is not ("Not" in name)
