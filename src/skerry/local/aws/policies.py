"""The policies of moto's buckets, queues, topics, secrets and keys, read in moto's own process.

Resources are found as moto finds them, so that a policy is that of the resource which a request reaches: by
name, ARN or alias, in the account and region of who asks; a bucket and a topic in any account.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Found = dict[str, Any]
Asked = Mapping[str, str]
ANY = "*"


def stored(asked: Iterable[Asked]) -> list[list[Found]]:
    """For each of `asked`, the resources that it names: their `arn`, `account`, `policy` and `tags`.

    `asked` have `service`, `region`, `account` and `name`; the name `*` is every resource that there is.
    `policy` is the document as it was put, None where there is none. A bucket has no `tags` here: on AWS they
    are condition keys only where that was turned on.
    """
    return [_READERS[item["service"]](item) for item in asked]


def _buckets(asked: Asked) -> list[Found]:
    from moto.s3.models import s3_backends

    owners = dict(s3_backends.bucket_accounts)
    chosen = owners if asked["name"] == ANY else {asked["name"]} & owners.keys()
    found = []
    for name in chosen:
        partition, account = owners[name]
        bucket = s3_backends[account][partition].buckets.get(name)
        if bucket is not None:
            found.append(_found(f"arn:{partition}:s3:::{name}", account, bucket.policy))
    return found


def _queues(asked: Asked) -> list[Found]:
    from moto.sqs.models import sqs_backends

    queues = sqs_backends[asked["account"]][asked["region"]].queues
    chosen = list(queues.values()) if asked["name"] == ANY else [queues.get(asked["name"])]
    return [
        _found(queue.queue_arn, asked["account"], _unless_empty(queue._policy_json), queue.tags)  # noqa: SLF001
        for queue in chosen
        if queue is not None
    ]


def _topics(asked: Asked) -> list[Found]:
    from moto.sns.models import sns_backends

    if asked["name"] == ANY:
        accounts = [item[asked["region"]] for item in list(sns_backends.values())]
        topics = [topic for sns in accounts for topic in list(sns.topics.values())]
    else:
        parts = asked["name"].split(":")
        known = len(parts) == 6 and parts[4] in sns_backends
        topic = sns_backends[parts[4]][asked["region"]].topics.get(asked["name"]) if known else None
        topics = [] if topic is None else [topic]
    return [_found(topic.arn, topic.account_id, topic.policy, topic._tags) for topic in topics]  # noqa: SLF001


def _secrets(asked: Asked) -> list[Found]:
    from moto.secretsmanager.models import secretsmanager_backends

    secrets = secretsmanager_backends[asked["account"]][asked["region"]].secrets
    chosen = list(secrets.values()) if asked["name"] == ANY else [secrets.get(asked["name"])]
    return [
        _found(
            secret.arn,
            asked["account"],
            getattr(secret, "policy", None),
            {tag["Key"]: tag.get("Value", "") for tag in getattr(secret, "tags", None) or []},
        )
        for secret in chosen
        if secret is not None
    ]


def _keys(asked: Asked) -> list[Found]:
    from moto.kms.models import kms_backends

    kms, name = kms_backends[asked["account"]][asked["region"]], asked["name"]
    if name == ANY:
        chosen = list(kms.keys.values())
    else:
        alias = kms.get_alias_name(name)
        found = kms.get_key_id_from_alias(alias) if alias.startswith("alias/") else kms.get_key_id(name)
        key = kms.keys.get(found) if found else None
        chosen = [] if key is None else [key]
    tags = kms.tagger.get_tag_dict_for_resource
    return [_found(key.arn, asked["account"], key.policy, tags(key.id)) for key in chosen]


_READERS: Mapping[str, Callable[[Asked], list[Found]]] = {
    "kms": _keys,
    "s3": _buckets,
    "secretsmanager": _secrets,
    "sns": _topics,
    "sqs": _queues,
}


def _found(arn: str, account: str, policy: object, tags: Mapping[str, Any] | None = None) -> Found:
    if isinstance(policy, bytes):
        policy = policy.decode("utf-8", "replace")
    return {"arn": arn, "account": account, "policy": policy or None, "tags": dict(tags or {})}


def _unless_empty(policy: object) -> str | None:
    """A queue's policy, which moto keeps as an object; one without statements is none."""
    if isinstance(policy, dict) and not policy.get("Statement"):
        return None
    return json.dumps(policy)


@functools.cache
def keep_policies_as_aws_does() -> None:
    """A queue keeps its policy when other attributes are set, and what policies deny is the endpoint's alone.

    Moto takes a queue's policy away with every change of another attribute, refuses DescribeKey to everybody
    when a key's policy denies it to somebody, and objects of a bucket whatever the condition of a denial.
    """
    from moto.iam.access_control import PermissionResult
    from moto.kms import responses
    from moto.s3.models import FakeBucket
    from moto.sqs.models import Queue

    change, member = Queue._set_attributes, "_policy_json"  # noqa: SLF001

    def set_attributes(self: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        before = getattr(self, member, None)
        change(self, attributes, now)
        if before is not None and "Policy" not in attributes:
            setattr(self, member, before)

    Queue._set_attributes = set_attributes  # type: ignore[method-assign]  # noqa: SLF001
    decide = FakeBucket.get_permission

    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        found = decide(self, action, resource)
        return PermissionResult.NEUTRAL if found == PermissionResult.DENIED else found

    setattr(FakeBucket, "get_permission", get_permission)  # noqa: B010
    setattr(responses, "validate_policy", lambda key, action: None)  # noqa: ARG005, B010  (not exported)
