"""Policies of buckets, queues, topics, secrets and keys, put at the endpoint with unmodified boto3, decide."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws import sigv4
from skerry.local.iam.action_resources import key_of
from tests.kit.iam import ACCOUNT, allow, deny, document, role, taken, trust, user
from tests.kit.local_endpoint import endpoint_process
from tests.local.iam.test_ways_round import FORM, sent, signed

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
OTHER = "210987654321"
ANN = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/ann"}
CODES = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("stored")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def own(running):
    """The developer's clients."""
    return running.client


@pytest.fixture(scope="module")
def ann(running):
    """The key of a user without policies."""
    return user(running.client("iam"), "ann")


@pytest.fixture(scope="module")
def bob(running):
    """The key of a user who may everything."""
    return user(running.client("iam"), "bob", allow("*"))


@pytest.fixture(scope="module")
def stranger(running):
    """A session of a role of another account, which IAM there does not have: it may everything there."""
    return taken(running.client("sts"), f"arn:aws:iam::{OTHER}:role/guest")


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] in CODES
    return caught.value.response["Error"]["Message"]


class Bucket:
    """A bucket with one object."""

    service, action = "s3", "s3:GetObject"

    def __init__(self, own, name):
        self.name, self._own = f"{name}-bucket", own("s3")
        self._own.create_bucket(Bucket=self.name)
        self._own.put_object(Bucket=self.name, Key="k", Body=b"v")
        self.arn = f"arn:aws:s3:::{self.name}"
        self.on = f"{self.arn}/k"

    def put(self, policy):
        self._own.put_bucket_policy(Bucket=self.name, Policy=policy)

    def drop(self):
        self._own.delete_bucket_policy(Bucket=self.name)

    def use(self, client):
        return client.get_object, {"Bucket": self.name, "Key": "k"}


class Queue:
    """A queue with nothing in it."""

    service, action = "sqs", "sqs:SendMessage"

    def __init__(self, own, name):
        self._own = own("sqs")
        self.url = self._own.create_queue(QueueName=name)["QueueUrl"]
        self.on = self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"

    def put(self, policy):
        self._own.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def drop(self):
        self.put("")

    def use(self, client):
        return client.send_message, {"QueueUrl": self.url, "MessageBody": "m"}


class Topic:
    """A topic without subscribers."""

    service, action = "sns", "sns:Publish"

    def __init__(self, own, name):
        self._own = own("sns")
        self.on = self.arn = self._own.create_topic(Name=name)["TopicArn"]
        self._before = self._own.get_topic_attributes(TopicArn=self.arn)["Attributes"]["Policy"]

    def put(self, policy):
        self._own.set_topic_attributes(TopicArn=self.arn, AttributeName="Policy", AttributeValue=policy)

    def drop(self):
        self.put(self._before)

    def use(self, client):
        return client.publish, {"TopicArn": self.arn, "Message": "m"}


class Secret:
    """A secret that is asked for by its name."""

    service, action = "secretsmanager", "secretsmanager:GetSecretValue"

    def __init__(self, own, name):
        self.name, self._own = name, own("secretsmanager")
        self.on = self.arn = self._own.create_secret(Name=name, SecretString="s")["ARN"]

    def put(self, policy):
        self._own.put_resource_policy(SecretId=self.name, ResourcePolicy=policy)

    def drop(self):
        self._own.delete_resource_policy(SecretId=self.name)

    def use(self, client):
        return client.get_secret_value, {"SecretId": self.name}


KINDS = [Bucket, Queue, Topic, Secret]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.service)
def resource(request, own):
    made = request.param(own, f"shared-{time.monotonic_ns()}")
    yield made
    made.drop()


@pytest.mark.behaviour("IAM-STORED-POLICIES")
def test_an_allow_of_the_resource_is_enough_within_the_account(running, ann, resource):
    call, given = resource.use(running.client(resource.service, ann))
    name = f"no identity-based policy allows the {resource.action} action"
    assert f"on resource: {resource.on} because {name}" in refused(call, **given)
    resource.put(document(allow(resource.action, resource.on, Principal=ANN)))
    call(**given)
    resource.put(document(allow(resource.action, f"{resource.arn}-other", Principal=ANN)))
    refused(call, **given)
    resource.put(document(allow(resource.action, resource.on, Principal=ROOT)))
    refused(call, **given)


@pytest.mark.behaviour("IAM-STORED-POLICIES")
def test_a_deny_of_the_resource_counts_for_everybody(running, own, bob, resource):
    resource.put(document(deny(resource.action, resource.on, Principal="*")))
    for client in (running.client(resource.service, bob), own(resource.service)):
        call, given = resource.use(client)
        assert "with an explicit deny in a resource-based policy" in refused(call, **given)
    nobodys = taken(own("sts"), f"arn:aws:iam::{ACCOUNT}:role/of-no-policies")
    call, given = resource.use(running.client(resource.service, nobodys))
    refused(call, **given)
    resource.drop()
    call(**given)


@pytest.mark.behaviour("IAM-STORED-POLICIES")
def test_a_boundary_and_a_session_take_away_as_they_do_else(running, own, resource):
    iam = own("iam")
    made = role(iam, f"r{time.monotonic_ns()}", trust(ROOT))
    resource.put(document(allow(resource.action, resource.on, Principal={"AWS": made})))
    call, given = resource.use(running.client(resource.service, taken(own("sts"), made)))
    call(**given)
    narrow = taken(own("sts"), made, Policy=document(allow("ec2:*")))
    call, given = resource.use(running.client(resource.service, narrow))
    assert "because no session policy allows" in refused(call, **given)


@pytest.mark.behaviour("IAM-STORED-BROKEN")
@pytest.mark.parametrize(
    "text",
    ['{"Statement": [{"Effect": "Perhaps"}]}', '{"Version": "2012-10-17", "Statement": [7]}'],
    ids=["no effect", "no statement"],
)
def test_a_policy_that_cannot_be_read_denies_and_can_be_replaced(running, own, bob, resource, text):
    resource.put(text)
    for client in (running.client(resource.service, bob), own(resource.service)):
        call, given = resource.use(client)
        assert "which cannot be read" in refused(call, **given)
    resource.drop()
    call(**given)


@pytest.mark.behaviour("IAM-STORED-BROKEN")
def test_a_bucket_may_hold_what_is_no_json(own):
    bucket = Bucket(own, "torn")
    bucket.put("{")
    call, given = bucket.use(own("s3"))
    assert "which cannot be read" in refused(call, **given)
    assert own("s3").get_bucket_policy(Bucket=bucket.name)["Policy"] == "{"
    bucket.drop()


@pytest.mark.behaviour("IAM-STORED-POLICIES")
@pytest.mark.parametrize("kind", [Bucket, Topic], ids=["s3", "sns"])
def test_who_is_of_another_account_needs_both(running, own, stranger, kind):
    made = kind(own, f"abroad{time.monotonic_ns()}")
    call, given = made.use(running.client(made.service, stranger))
    assert "because no resource-based policy allows" in refused(call, **given)
    made.put(document(allow(made.action, made.on, Principal={"AWS": OTHER})))
    call(**given)


@pytest.mark.behaviour("IAM-STORED-POLICIES")
def test_a_queue_keeps_its_policy_when_something_else_of_it_changes(own):
    queue = Queue(own, "kept")
    queue.put(document(deny(queue.action, queue.on, Principal="*")))
    own("sqs").set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "7"})
    call, given = queue.use(own("sqs"))
    refused(call, **given)


@pytest.mark.behaviour("IAM-STORED-VAGUE")
def test_a_request_that_hides_its_bucket_is_denied_what_any_bucket_denies(running, own, bob):
    bucket = Bucket(own, "hidden")
    bucket.put(document(deny("s3:GetObject", f"{bucket.arn}/*", Principal="*")))
    host = f"{bucket.name}.s3.amazonaws.com"
    given = {"host": host}
    proof = sigv4.sign(
        "GET",
        f"http://{host}/k",
        given,
        b"",
        credentials=bob,
        region="us-east-1",
        service="s3",
        now=time.time(),
    )
    status, body = sent(running, "GET", "/k", b"", {**given, **proof})
    bucket.drop()
    assert (status, b"explicit deny in a resource-based policy" in body) == (403, True)


@pytest.mark.behaviour("IAM-STORED-VAGUE")
def test_a_stranger_does_not_hide_whose_bucket_it_asks_for(running, own, stranger):
    bucket = Bucket(own, "not-yours")
    host = f"{bucket.name}.s3.amazonaws.com"
    place = {"region": "us-east-1", "service": "s3", "now": time.time()}
    proof = sigv4.sign("GET", f"http://{host}/k", {"host": host}, b"", credentials=stranger, **place)
    status, body = sent(running, "GET", "/k", b"", {"host": host, **proof})
    assert (status, b"no resource-based policy allows" in body) == (403, True)


@pytest.mark.behaviour("IAM-STORED-VAGUE")
def test_a_doubled_parameter_does_not_hide_a_queue(running, own, bob):
    queue = Queue(own, "doubled")
    queue.put(document(deny("sqs:PurgeQueue", queue.on, Principal="*")))
    for key in (bob, running.developer):
        body = f"Action=PurgeQueue&QueueUrl=x&QueueUrl={queue.url}".encode()
        status, answer = signed(running, key, "sqs", body=body, headers=FORM)
        assert (status, b"explicit deny in a resource-based policy" in answer) == (403, True)


@pytest.mark.behaviour("IAM-STORED-NAMES")
def test_a_batch_of_secrets_is_asked_for_one_by_one(running, own, bob):
    secret = Secret(own, "batched")
    secret.put(document(deny(secret.action, "*", Principal="*")))
    many = running.client("secretsmanager", bob).batch_get_secret_value
    assert "explicit deny in a resource-based policy" in refused(many, SecretIdList=[secret.name])
    refused(many, Filters=[{"Key": "name", "Values": ["batched"]}])
    secret.drop()
    assert many(SecretIdList=[secret.name])["SecretValues"]


@pytest.mark.behaviour("IAM-STORED-NAMES")
def test_a_secret_by_its_name_is_the_one_that_is_found(running, own):
    iam, secret = own("iam"), Secret(own, "named")
    key = user(iam, "carol", allow("secretsmanager:GetSecretValue", secret.arn))
    client = running.client("secretsmanager", key)
    short = secret.arn.rpartition("-")[0]
    for name in (secret.arn, secret.name, short):
        assert client.get_secret_value(SecretId=name)["SecretString"] == "s"
    Secret(own, "unnamed")
    refused(client.get_secret_value, SecretId="unnamed")


@pytest.fixture
def key(own):
    """A key with the default policy; its ARN."""
    return own("kms").create_key()["KeyMetadata"]["Arn"]


def put_key_policy(own, key, *statements):
    own("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=document(*statements))


@pytest.mark.behaviour("IAM-KEY-POLICIES")
def test_the_default_policy_of_a_key_leaves_it_to_iam(running, own, key, bob, ann):
    own("kms").encrypt(KeyId=key, Plaintext=b"p")
    running.client("kms", bob).encrypt(KeyId=key, Plaintext=b"p")
    assert "no identity-based policy" in refused(
        running.client("kms", ann).encrypt, KeyId=key, Plaintext=b"p"
    )


@pytest.mark.behaviour("IAM-KEY-POLICIES")
@pytest.mark.behaviour("IAM-STORED-NAMES")
def test_a_key_policy_without_the_account_shuts_iam_out(running, own, key, bob, ann):
    kms, secret = own("kms"), own("kms").encrypt(KeyId=key, Plaintext=b"p")["CiphertextBlob"]
    kms.create_alias(AliasName=f"alias/{key[-8:]}", TargetKeyId=key)
    put_key_policy(own, key, allow("kms:*", Principal=ANN))
    assert running.client("kms", ann).decrypt(CiphertextBlob=secret)["Plaintext"] == b"p"
    abroad, odd = key.replace("us-east-1", "eu-west-1"), key.replace(":key/", ":odd:key/")
    for client in (running.client("kms", bob), kms):
        for given in ({}, {"KeyId": key}, {"KeyId": f"alias/{key[-8:]}"}, {"KeyId": abroad}, {"KeyId": odd}):
            told = refused(client.decrypt, CiphertextBlob=secret, **given)
            assert (
                f"on resource: {key} because no resource-based policy allows the kms:Decrypt action" in told
            )
        refused(client.delete_alias, AliasName=f"alias/{key[-8:]}")
    assert json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    kms.create_key(Description="another one")
    put_key_policy(own, key, allow("kms:*", Principal=ROOT))
    kms.decrypt(CiphertextBlob=secret)


@pytest.mark.behaviour("IAM-KEY-POLICIES")
def test_encrypting_anew_is_from_one_key_to_another(running, own, key):
    other = own("kms").create_key()["KeyMetadata"]["Arn"]
    made = own("kms").encrypt(KeyId=key, Plaintext=b"p")["CiphertextBlob"]
    may = user(
        own("iam"),
        f"u{time.monotonic_ns()}",
        allow("kms:ReEncryptFrom", key),
        allow("kms:ReEncryptTo", other),
    )
    client = running.client("kms", may)
    assert client.re_encrypt(CiphertextBlob=made, DestinationKeyId=other)["KeyId"] == other
    assert f"kms:ReEncryptTo on resource: {key}" in refused(
        client.re_encrypt, CiphertextBlob=made, DestinationKeyId=key
    )
    put_key_policy(own, other, deny("kms:ReEncryptTo", Principal="*"), allow("kms:*", Principal=ROOT))
    refused(client.re_encrypt, CiphertextBlob=made, DestinationKeyId=other)


@pytest.mark.behaviour("IAM-KEY-POLICIES")
def test_a_deny_of_a_key_for_one_is_not_for_another(own, key):
    put_key_policy(own, key, deny("kms:*", Principal=ANN), allow("kms:*", Principal=ROOT))
    assert own("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"] == key


def test_only_what_the_embedded_cloud_encrypted_tells_a_key():
    assert key_of("YQ==") == ""
    assert key_of("\N{SNOWMAN}") == ""


@pytest.mark.behaviour("IAM-STORED-TAGS")
def test_tags_of_a_resource_are_condition_keys(running, own):
    blue = {"StringEquals": {"aws:ResourceTag/colour": "blue"}}
    actions = ["sqs:SendMessage", "sns:Publish", "secretsmanager:GetSecretValue", "kms:Encrypt"]
    key = user(own("iam"), "painter", allow(actions, Condition=blue))
    tags = [{"Key": "colour", "Value": "blue"}]
    queue, topic, secret = (kind(own, "painted") for kind in (Queue, Topic, Secret))
    made = own("kms").create_key()["KeyMetadata"]["KeyId"]
    calls = [made_of.use(running.client(made_of.service, key)) for made_of in (queue, topic, secret)]
    calls.append((running.client("kms", key).encrypt, {"KeyId": made, "Plaintext": b"p"}))
    for call, given in calls:
        refused(call, **given)
    own("sqs").tag_queue(QueueUrl=queue.url, Tags={"colour": "blue"})
    own("sns").tag_resource(ResourceArn=topic.arn, Tags=tags)
    own("secretsmanager").tag_resource(SecretId=secret.name, Tags=tags)
    own("kms").tag_resource(KeyId=made, Tags=[{"TagKey": "colour", "TagValue": "blue"}])
    for call, given in calls:
        call(**given)


@pytest.mark.behaviour("IAM-STORED-TAGS")
def test_the_account_of_a_bucket_is_a_condition_key(running, own):
    here, bucket = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}, Bucket(own, "accounted")
    call, given = bucket.use(running.client("s3", user(own("iam"), "teller", allow("s3:*", Condition=here))))
    assert call(**given)["Body"].read() == b"v"
