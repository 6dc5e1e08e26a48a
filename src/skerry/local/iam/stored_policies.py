"""The policies of what is asked for: of AgentCore's records, and of resources of the embedded cloud.

| service | policy | put by |
|---|---|---|
| S3 | of the bucket, for its objects too | PutBucketPolicy |
| SQS | of the queue | CreateQueue, SetQueueAttributes, AddPermission |
| SNS | of the topic | CreateTopic, SetTopicAttributes, AddPermission |
| Secrets Manager | of the secret | PutResourcePolicy |
| KMS | of the key, without which IAM's policies count for nothing | CreateKey, PutKeyPolicy |

What was read is kept until it may change: until a request that is not among the `HARMLESS`, and never longer
than what IAM says is kept, since seeds put policies too. Of a request that does not tell its resource every
policy of the service counts with what it denies.

Source: AWS IAM user guide, "Identity-based policies and resource-based policies", "Cross-account policy
evaluation logic"; AWS KMS developer guide, "Key policies in AWS KMS".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from skerry.auth.iam import Policy, read
from skerry.local.iam import resource_policies
from skerry.local.iam.principals import CACHE_SECONDS
from skerry.local.ports.permissions import Ask, Named
from skerry.local.ports.running import Clock

SERVICES = frozenset({"kms", "s3", "secretsmanager", "sns", "sqs"})
_NAMES = {"kms": "key", "s3": "bucket", "secretsmanager": "secret", "sns": "topic", "sqs": "queue"}
_BY_ARN = frozenset({"secretsmanager", "sns"})
"""Services whose resources the embedded cloud finds by their whole ARN."""
ANY = "*"
KEPT = 256
"""Resources of which that much is kept."""

CHANGING = SERVICES | {"cloudformation", "tagging"}
"""Services whose requests may change policies and tags of these resources, or which of them there are."""
HARMLESS = frozenset(
    {
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GetPublicKey",
        "kms:Sign",
        "kms:Verify",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListAllMyBuckets",
        "s3:ListBucket",
        "s3:PutObject",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecrets",
        "secretsmanager:PutSecretValue",
        "sns:ListTopics",
        "sns:Publish",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ListQueues",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    }
)
"""Actions of those services that change neither, and that programs take often."""

UNLOCKS = frozenset(
    {
        "kms:GetKeyPolicy",
        "kms:PutKeyPolicy",
        "s3:DeleteBucketPolicy",
        "s3:GetBucketPolicy",
        "s3:PutBucketPolicy",
        "secretsmanager:DeleteResourcePolicy",
        "secretsmanager:GetResourcePolicy",
        "secretsmanager:PutResourcePolicy",
        "sns:GetTopicAttributes",
        "sns:SetTopicAttributes",
        "sqs:GetQueueAttributes",
        "sqs:SetQueueAttributes",
    }
)
"""What the developer's key may do whatever a resource's policy says, so that nobody is shut out for good. An
account's root user on AWS may so with policies of buckets and queues."""


class Records(Protocol):
    """AgentCore's records."""

    def get(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """One record."""
        ...


class PolicySource(Protocol):
    """Where policies of resources of the embedded cloud are known."""

    async def policies(self, asked: Sequence[Mapping[str, str]]) -> Sequence[Sequence[Mapping[str, Any]]]:
        """The resources that each of `asked` names: see `aws.policies.stored`.

        Raises ServiceError (503) when that is not known.
        """
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """The policies of a resource.

    `account` is whose it is, "" where the ARN tells. Where they are an `authority`, nobody may anything that
    they do not allow. `tags` are the resource's.
    """

    policies: tuple[Policy, ...] = ()
    account: str = ""
    authority: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    def binds(self, account: str) -> bool:
        """Whether it may take away what the policies of a principal of `account` allow."""
        return bool(self.policies) or self.authority or self.account not in ("", account)


Located = tuple[Ask, tuple[Held, ...]]
"""A permission, about the resource that was found, and what must allow it: all of them, at least one."""


def may_change(service: str, asks: Sequence[Ask]) -> bool:
    """Whether a request to a service may change what is kept here; `asks` are the permissions it needs."""
    return service in CHANGING and not (asks and all(ask.action in HARMLESS for ask in asks))


class StoredPolicies:
    """Finds the policies of resources."""

    def __init__(self, records: Records, source: PolicySource, clock: Clock) -> None:
        self._records = records
        self._source = source
        self._clock = clock
        self._kept: dict[Named, tuple[float, Sequence[Mapping[str, Any]]]] = {}
        self._generation = 0
        self.moving: Callable[[], bool] = lambda: False
        """Whether something is at work that changes policies unseen: then nothing that is kept counts."""

    def forget(self) -> None:
        """Drops what is kept: it may have changed."""
        self._generation += 1
        self._kept.clear()

    async def of(self, asks: Sequence[Ask]) -> list[Located]:
        """The asks with the policies of their resources. Raises ServiceError (503)."""
        names = [_named(ask) for ask in asks]
        wanted = list(dict.fromkeys(name for name in names if name is not None))
        found = await self._found(wanted) if wanted else {}
        return [
            self._located(ask, name, () if name is None else found[name])
            for ask, name in zip(asks, names, strict=True)
        ]

    async def _found(self, wanted: Sequence[Named]) -> dict[Named, Sequence[Mapping[str, Any]]]:
        """The resources of these names. One that is not there is looked for each time."""
        now, kept = self._clock.monotonic(), self._kept
        young = [name for name in wanted if name in kept and now - kept[name][0] < CACHE_SECONDS]
        found = {} if self.moving() else {name: kept[name][1] for name in young}
        missing = [name for name in wanted if name not in found]
        if not missing:
            return found
        generation = self._generation
        answers = await self._source.policies([asdict(name) for name in missing])
        fresh = dict(zip(missing, answers, strict=True))
        if generation == self._generation:  # what was written meanwhile may not be in it
            if len(kept) + len(fresh) > KEPT:
                kept.clear()
            kept.update({name: (now, held) for name, held in fresh.items() if held})
        return found | fresh

    def _located(self, ask: Ask, name: Named | None, found: Sequence[Mapping[str, Any]]) -> Located:
        own = tuple(resource_policy(*item) for item in ask.policies)
        record = self._records.get(resource_policies.KIND, ask.resource)
        if record is not None:
            own = (*own, resource_policy("resource policy", str(record["policy"])))
        if name is None or not found:
            return ask, (Held(own),)
        held = tuple(_held(name.service, item) for item in found)
        if name.name != ANY:
            if name.service != "s3":  # whose objects are what is asked for
                ask = replace(ask, resource=str(found[0]["arn"]), vague=False)
            return ask, (replace(held[0], policies=(*own, *held[0].policies)),)
        if name.service == "kms":
            return ask, held
        denies = tuple(_denies(policy) for item in held for policy in item.policies)
        owners = dict.fromkeys(item.account for item in held)  # without an allow of another's, it is refused
        return ask, (Held((*own, *denies)), *(Held(account=owner) for owner in owners))


def _named(ask: Ask) -> Named | None:
    """By what the embedded cloud finds a resource; None for others than its own."""
    service = ask.action.partition(":")[0]
    if ask.named is not None or service not in SERVICES:
        return ask.named if ask.named is not None and ask.named.service in SERVICES else None
    parts = ask.resource.split(":", 5)
    if len(parts) != 6 or parts[2] != service:
        return None
    if service == "s3":
        bucket = parts[5].partition("/")[0]
        return Named(service, "", "", ANY if ANY in bucket else bucket)
    if ask.vague:
        return None
    name = ask.resource if service in _BY_ARN else parts[5].removeprefix("key/")
    return Named(service, parts[3], parts[4], name)


def _held(service: str, found: Mapping[str, Any]) -> Held:
    account, text = str(found["account"]), found["policy"]
    name = f"{_NAMES[service]} policy of {found['arn']}"
    policies = () if text is None else (resource_policy(name, str(text)),)
    return Held(policies, account, authority=service == "kms", tags=found["tags"])


def _denies(policy: Policy) -> Policy:
    """What a policy forbids: its allows are for its own resource, which may not be the one that is meant."""
    return replace(policy, statements=tuple(item for item in policy.statements if item.deny))


@functools.lru_cache(maxsize=256)
def resource_policy(name: str, text: str) -> Policy:
    """A policy of a resource, read."""
    return read(name, text, "resource")
