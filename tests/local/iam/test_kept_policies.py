"""Policies of resources are kept until they may change, and no longer."""

from __future__ import annotations

import pytest

from skerry.local.iam.principals import CACHE_SECONDS
from skerry.local.iam.stored_policies import KEPT, StoredPolicies, may_change
from skerry.local.ports.permissions import Ask
from tests.kit.clock import FakeClock
from tests.kit.iam import ACCOUNT, document, user
from tests.kit.local_endpoint import endpoint_process

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"
BUCKET = "arn:aws:s3:::docs"


class Cloud:
    """Implements `PolicySource` with one policy for what is in `there`, and no records; `asked` counts."""

    def __init__(self):
        self.there = {"jobs", "docs"}
        self.asked = []
        self.policy = None
        self.meanwhile = lambda: None

    def get(self, kind, key):
        return None

    async def policies(self, asked):
        self.asked += [item["name"] for item in asked]
        found = [self._found(item["name"]) for item in asked]
        self.meanwhile()
        return found

    def _found(self, name):
        held = {"arn": f"arn:aws:s3:::{name}", "account": ACCOUNT, "policy": self.policy, "tags": {}}
        return [held] if name in self.there else []


@pytest.fixture
def cloud():
    return Cloud()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def stored(cloud, clock):
    return StoredPolicies(cloud, cloud, clock)


@pytest.mark.behaviour("IAM-STORED-KEPT")
async def test_a_policy_is_read_once_until_it_may_have_changed(stored, cloud, clock):
    asks = [Ask("s3:GetObject", f"{BUCKET}/a"), Ask("sqs:SendMessage", QUEUE)]
    for _ in range(3):
        await stored.of(asks)
        await stored.of([Ask("s3:GetObject", f"{BUCKET}/b")])
    assert cloud.asked == ["docs", "jobs"]
    cloud.policy = document({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"})
    stored.forget()
    [(_, (held,))] = await stored.of(asks[:1])
    assert held.policies[0].statements[0].deny
    assert cloud.asked == ["docs", "jobs", "docs"]
    clock.advance(CACHE_SECONDS)
    await stored.of(asks[:1])
    assert cloud.asked[3:] == ["docs"]


@pytest.mark.behaviour("IAM-STORED-KEPT")
async def test_what_was_read_while_it_changed_is_not_kept(stored, cloud):
    cloud.meanwhile = stored.forget
    await stored.of([Ask("s3:GetObject", f"{BUCKET}/a")])
    cloud.meanwhile = lambda: None
    await stored.of([Ask("s3:GetObject", f"{BUCKET}/a")])
    assert cloud.asked == ["docs", "docs"]


@pytest.mark.behaviour("IAM-STORED-KEPT")
async def test_what_is_not_there_is_looked_for_each_time_and_not_everything_is_kept(stored, cloud):
    for _ in range(2):
        await stored.of([Ask("s3:GetObject", "arn:aws:s3:::none/a")])
    assert cloud.asked == ["none", "none"]
    names = [f"b{number}" for number in range(KEPT + 1)]
    cloud.there |= {*names}
    cloud.asked.clear()
    for name in [*names, names[0]]:
        await stored.of([Ask("s3:GetObject", f"arn:aws:s3:::{name}/a")])
    assert cloud.asked == [*names, names[0]]


@pytest.mark.behaviour("IAM-STORED-KEPT")
@pytest.mark.parametrize(
    ("service", "actions", "may"),
    [
        ("s3", ["s3:GetObject", "s3:PutObject"], False),
        ("s3", ["s3:PutBucketPolicy"], True),
        ("s3", ["s3:PutObject", "s3:PutObjectAcl"], True),
        ("s3", ["s3:*"], True),
        ("s3", [], True),
        ("sqs", ["sqs:SendMessage"], False),
        ("sqs", ["sqs:SetQueueAttributes"], True),
        ("kms", ["kms:CreateAlias"], True),
        ("dynamodb", ["dynamodb:PutItem"], False),
        ("cloudformation", ["cloudformation:CreateStack"], True),
        ("tagging", ["tag:TagResources"], True),
    ],
)
def test_what_may_change_them(service, actions, may):
    assert may_change(service, [Ask(action, "*") for action in actions]) is may


@pytest.mark.behaviour("IAM-STORED-KEPT")
def test_a_policy_counts_at_once_when_it_is_put_and_when_it_is_taken_away(tmp_path):
    with endpoint_process(tmp_path) as running:
        iam, s3, sqs = (running.client(name) for name in ("iam", "s3", "sqs"))
        ann = user(iam, "ann", {"Effect": "Allow", "Action": ["s3:*", "sqs:*"], "Resource": "*"})
        hers, queues = running.client("s3", ann), running.client("sqs", ann)
        s3.create_bucket(Bucket="docs")
        s3.put_object(Bucket="docs", Key="a", Body=b"a")
        url = sqs.create_queue(QueueName="jobs")["QueueUrl"]

        def may(do):
            try:
                do()
            except (hers.exceptions.ClientError, queues.exceptions.ClientError) as refused:
                assert "AccessDenied" in refused.response["Error"]["Code"]
                return False
            return True

        def read():
            hers.get_object(Bucket="docs", Key="a")

        def send():
            queues.send_message(QueueUrl=url, MessageBody="a")

        deny = {"Effect": "Deny", "Principal": "*", "Action": ["s3:GetObject"], "Resource": f"{BUCKET}/*"}
        closed = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": QUEUE}
        for _ in range(3):
            assert (may(read), may(send)) == (True, True)
            s3.put_bucket_policy(Bucket="docs", Policy=document(deny))
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(closed)})
            assert (may(read), may(send)) == (False, False)
            s3.delete_bucket_policy(Bucket="docs")
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        assert (may(read), may(send)) == (True, True)
