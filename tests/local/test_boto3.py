"""Unmodified boto3 against the whole endpoint, with nothing but its endpoint_url changed."""

from __future__ import annotations

import io
import json
import socket
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import ClientError

import skerry.desk
from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.wire.hop import LOOKED, LOOKS
from tests.kit.local_endpoint import ACCOUNT, ROLE, artifact, endpoint_process, settled
from tests.kit.runtime_plane import PROGRAMS
from tests.kit.traced import CALLER, SENT, TRACE, sending

SEEDS = Path(skerry.desk.__file__).with_name("seeds.toml")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("endpoint") / "state", seeds=(SEEDS,)) as endpoint:
        yield endpoint


def failure(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return (
        answer["Error"]["Code"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"].get("Message", ""),
    )


def raw(url, method="GET", headers=None, body=None):
    """Status, headers and body of a request that boto3 would not make."""
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=body)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def hops(running, query):
    """What the recorder tells whoever has a key."""
    url = f"{running.url}/_skerry/hops?{query}"
    key = {"credentials": running.developer, "region": "us-east-1", "service": "skerry", "now": time.time()}
    status, _, body = raw(url, headers=sign("GET", url, {}, b"", **key))
    return json.loads(body) if status == 200 else status


@pytest.mark.behaviour("AWS-SEEDS")
def test_the_seeded_estate_is_there_from_the_first_answer(running):
    reservations = running.client("ec2").describe_instances()["Reservations"]
    names = [
        (tag["Value"], instance["State"]["Name"])
        for reservation in reservations
        for instance in reservation["Instances"]
        for tag in instance["Tags"]
        if tag["Key"] == "Name"
    ]
    assert names == [
        ("web", "running"),
        ("web", "running"),
        ("orders-db", "running"),
        ("nightly-batch", "stopped"),
    ]
    elsewhere = running.client("ec2", region="eu-west-1").describe_instances()["Reservations"]
    assert len(elsewhere) == 1
    assert running.client("dynamodb").scan(TableName="orders")["Count"] == 2
    assert [item["TopicArn"] for item in running.client("sns").list_topics()["Topics"]] == [
        f"arn:aws:sns:us-east-1:{ACCOUNT}:order-alerts"
    ]
    assert {item["FunctionName"] for item in running.client("lambda").list_functions()["Functions"]} == {
        "resize-images",
        "order-receipts",
        "storefront-render",
    }
    alarms = running.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
    assert [item["AlarmName"] for item in alarms] == ["order-receipts-errors"]
    events = running.client("logs").filter_log_events(
        logGroupName="/aws/lambda/order-receipts",
        startTime=int((time.time() - 3600) * 1000),
        filterPattern="ERROR",
    )["events"]
    assert len(events) == 2
    first = datetime.now(UTC).date().replace(day=1)
    costs = running.client("ce").get_cost_and_usage(
        TimePeriod={"Start": (first - timedelta(31)).isoformat(), "End": first.isoformat()},
        Granularity="MONTHLY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
    )
    assert "Amazon DynamoDB" in [group["Keys"][0] for group in costs["ResultsByTime"][-1]["Groups"]]
    assert costs["ResponseMetadata"]["HTTPHeaders"]["x-skerry-fixture"].startswith("made-up")
    assert running.client("dynamodb").list_tables()["TableNames"] == ["orders", "sessions"]
    zones = running.client("route53").list_hosted_zones()["HostedZones"]
    assert [zone["Name"] for zone in zones] == ["example.com.", "example.net."]
    (custom,) = running.client("bedrock").list_custom_models()["modelSummaries"]
    assert custom["modelName"] == "support-tone"
    queue = running.client("sqs").get_queue_url(QueueName="order-events")["QueueUrl"]
    assert queue.startswith(running.url)
    message = running.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]
    assert json.loads(message["Body"])["order_id"] == "1002"
    log = (running.state / "logs" / "endpoint.log").read_text()
    assert "seed " not in log, "a bundled seed failed"


@pytest.mark.behaviour("AWS-S3")
def test_s3_objects_come_back_as_they_went(running):
    s3 = running.client("s3")
    content = bytes(range(256)) * 100
    s3.put_object(Bucket="desk-logs", Key="a dir/é+&?.bin", Body=content, Metadata={"who": "me"})
    got = s3.get_object(Bucket="desk-logs", Key="a dir/é+&?.bin")
    assert (got["Body"].read(), got["Metadata"]) == (content, {"who": "me"})
    large = b"0123456789abcdef" * (1 << 20)  # multipart, checksums by default
    s3.upload_fileobj(io.BytesIO(large), "desk-logs", "large")
    assert s3.head_object(Bucket="desk-logs", Key="large")["ContentLength"] == len(large)
    for absent, names in (
        (s3.head_object, {"Bucket": "desk-logs", "Key": "no"}),
        (s3.head_bucket, {"Bucket": "no-b"}),
    ):
        with pytest.raises(ClientError) as caught:
            absent(**names)
        assert caught.value.response["Error"]["Code"] == "404"
    back = io.BytesIO()
    s3.download_fileobj("desk-logs", "large", back)
    assert back.getvalue() == large
    assert s3.get_object(Bucket="desk-logs", Key="large", Range="bytes=16-19")["Body"].read() == b"0123"


class Streaming(S3SigV4Auth):
    """Signs as a client does that sends its checksum in a trailer."""

    def payload(self, request):
        return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.mark.behaviour("AWS-S3")
@pytest.mark.parametrize("content", [b"hello", b""])
def test_s3_takes_aws_chunked_bodies(running, content):
    """The form of clients that stream: chunks, and the checksum as a trailer."""
    s3 = running.client("s3")
    size = f"{len(content):x}".encode()
    body = (
        size + b"\r\n" + content + b"\r\n" if content else b""
    ) + b"0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    url = f"{running.url}/desk-logs/chunked"
    headers = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": str(len(content)),
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
    request = AWSRequest("PUT", url, headers=headers, data=body)
    request.context["payload_signing_enabled"] = False
    key = BotocoreCredentials(running.developer.access_key_id, running.developer.secret_access_key)
    Streaming(key, "s3", "us-east-1").add_auth(request)
    status, _, answer = raw(url, "PUT", {**request.headers, "Content-Type": "binary/octet-stream"}, body)
    assert status == 200, answer
    assert s3.get_object(Bucket="desk-logs", Key="chunked")["Body"].read() == content


@pytest.mark.behaviour("ACC-S3-QUERY")
def test_presigned_urls_work_without_any_header(running):
    for version in ("s3", "s3v4"):
        s3 = running.client("s3", signature_version=version)
        get = s3.generate_presigned_url(
            "get_object", Params={"Bucket": "desk-reports", "Key": "2026/10/notes.txt"}
        )
        assert raw(get)[::2] == (200, b"Numbers are preliminary.\n")
        put = s3.generate_presigned_url(
            "put_object", Params={"Bucket": "desk-logs", "Key": f"put-{version}", "ContentType": "text/x"}
        )
        assert raw(put, "PUT", {"Content-Type": "text/x"}, b"by url")[0] == 200
        assert raw(get.replace("notes", "other"))[0] == 403
        assert (
            running.client("s3").get_object(Bucket="desk-logs", Key=f"put-{version}")["Body"].read()
            == b"by url"
        )


@pytest.mark.behaviour("AWS-IDENTITY")
def test_every_kind_of_key_knows_who_it_is(running):
    developer = running.client("sts").get_caller_identity()
    assert (developer["Arn"], developer["Account"]) == (f"arn:aws:iam::{ACCOUNT}:user/skerry", ACCOUNT)
    iam = running.client("iam")
    iam.create_user(UserName="alice")
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    iam.put_user_policy(UserName="alice", PolicyName="all", PolicyDocument=json.dumps(everything))
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    alice = Credentials(made["AccessKeyId"], made["SecretAccessKey"])
    assert running.client("sts", alice).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert running.client("s3", alice).list_buckets()["Buckets"]
    assert running.client("bedrock-agentcore-control", alice).list_gateways()["items"] == []
    taken = running.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="night")["Credentials"]
    role = Credentials(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
    assert (
        running.client("sts", role).get_caller_identity()["Arn"]
        == f"arn:aws:sts::{ACCOUNT}:assumed-role/desk/night"
    )
    assert [hop["session"] for hop in hops(running, "session=night")] == ["night"]
    bare = Credentials(role.access_key_id, role.secret_access_key)
    assert failure(running.client("sts", bare).get_caller_identity)[0] == "InvalidClientTokenId"


@pytest.mark.behaviour("ACC-IAM-KEYS")
def test_inactive_and_deleted_keys_stop_at_once(running):
    iam = running.client("iam")
    iam.create_user(UserName="bob")
    made = iam.create_access_key(UserName="bob")["AccessKey"]
    sts = running.client("sts", Credentials(made["AccessKeyId"], made["SecretAccessKey"]))
    named = {"UserName": "bob", "AccessKeyId": made["AccessKeyId"]}
    sts.get_caller_identity()
    iam.update_access_key(**named, Status="Inactive")
    assert failure(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
    iam.update_access_key(**named, Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(**named)
    assert failure(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)


@pytest.mark.parametrize("operation", ["get_session_token", "get_federation_token"])
def test_the_published_example_keys_of_moto_are_no_keys(running, operation):
    parameters = {"Name": "xyz"} if operation == "get_federation_token" else {}
    given = getattr(running.client("sts"), operation)(**parameters)["Credentials"]
    example = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    assert failure(running.client("s3", example).list_buckets)[0] == "InvalidAccessKeyId"


@pytest.mark.behaviour("ACC-DIALECTS")
@pytest.mark.parametrize(
    ("service", "operation", "wrong", "unknown"),
    [
        ("ec2", "describe_instances", "AuthFailure", "AuthFailure"),
        ("s3", "list_buckets", "SignatureDoesNotMatch", "InvalidAccessKeyId"),
        ("dynamodb", "list_tables", "InvalidSignatureException", "UnrecognizedClientException"),
        ("sqs", "list_queues", "InvalidSignatureException", "UnrecognizedClientException"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        ("sns", "list_topics", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        ("lambda", "list_functions", "InvalidSignatureException", "UnrecognizedClientException"),
        ("route53", "list_hosted_zones", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        ("cloudwatch", "list_metrics", "InvalidSignatureException", "UnrecognizedClientException"),
        (
            "bedrock-agentcore-control",
            "list_gateways",
            "InvalidSignatureException",
            "UnrecognizedClientException",
        ),
    ],
)
def test_a_wrong_secret_and_an_unknown_key_in_each_protocol(running, service, operation, wrong, unknown):
    bad = Credentials(running.developer.access_key_id, "wrong" * 8)
    code, status, message = failure(getattr(running.client(service, bad), operation))
    assert (code, status) in {(wrong, 400), (wrong, 401), (wrong, 403)}
    assert "does not match" in message
    stranger = Credentials("AKIAXXXXXXXXXXXXXXXX", "wrong" * 8)
    assert failure(getattr(running.client(service, stranger), operation))[0] == unknown
    getattr(running.client(service), operation)()


@pytest.mark.behaviour("END-UNSIGNED")
def test_without_a_signature_the_error_says_what_is_missing(running):
    s3 = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=running.url, config=Config(signature_version=UNSIGNED)
    )
    assert failure(s3.list_buckets)[1] == 403
    for path in (
        "/",
        "/runtimes/",
        "/gateways/",
        "/bucket/key",
        "/moto-api/reset",
        "/_skerry/hops",
        "/_skerry/keys/AKIA",
    ):
        status, headers, body = raw(running.url + path)
        assert status in (403, 404), path
        assert headers["x-amzn-RequestId"], path
        assert status == 404 or "Sign the request with SigV4" in json.loads(body)["message"]


@pytest.mark.behaviour("AWS-LACKING")
@pytest.mark.parametrize(
    ("service", "operation", "parameters", "named"),
    [
        ("bedrock", "list_imported_models", {}, "bedrock ListImportedModels"),
        (
            "ce",
            "get_savings_plans_utilization",
            {"TimePeriod": {"Start": "2026-01-01", "End": "2026-02-01"}},
            "ce GetSavingsPlansUtilization",
        ),
        (
            "iam",
            "simulate_principal_policy",
            {"PolicySourceArn": ROLE, "ActionNames": ["s3:GetObject"]},
            "iam SimulatePrincipalPolicy",
        ),
        ("cloudtrail", "lookup_events", {}, "cloudtrail LookupEvents"),
        ("lambda", "get_account_settings", {}, "lambda GetAccountSettings"),
        ("cloudwatch", "describe_alarm_history", {}, "monitoring DescribeAlarmHistory"),
    ],
)
def test_what_the_embedded_cloud_lacks_is_one_error_and_one_request(
    running, service, operation, parameters, named
):
    client = boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=running.url,
        aws_access_key_id=running.developer.access_key_id,
        aws_secret_access_key=running.developer.secret_access_key,
    )
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**parameters)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("NotImplemented", 400)
    assert answer["Error"]["Message"] == f"{named} is not available in the embedded cloud."
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0


@pytest.mark.behaviour("FN-DEPLOYED-ZIP")
def test_a_function_of_the_seeds_has_no_program(running):
    code, status, message = failure(running.client("lambda").invoke, FunctionName="resize-images")
    assert (code, status) == ("InvalidZipFileException", 502)
    assert "could not unzip" in message


def test_errors_of_a_service_itself_pass_unchanged(running):
    code, status, _ = failure(running.client("s3").get_object, Bucket="desk-logs", Key="none")
    assert (code, status) == ("NoSuchKey", 404)
    assert (
        failure(running.client("dynamodb").describe_table, TableName="none")[0] == "ResourceNotFoundException"
    )
    assert (
        failure(running.client("ec2").describe_instances, InstanceIds=["i-0123456789abcdef0"])[0]
        == "InvalidInstanceID.NotFound"
    )


@pytest.mark.behaviour("END-RECORDER")
def test_hops_are_there_for_whoever_has_a_key(running):
    running.client("ec2", region="eu-west-1").describe_vpcs()
    hop = hops(running, "limit=5")[-1]
    assert (hop["part"], hop["operation"], hop["auth"], hop["status"]) == (
        "aws",
        "ec2:DescribeVpcs",
        "sigv4",
        200,
    )
    assert (hop["identity"], hop["detail"]) == (
        f"arn:aws:iam::{ACCOUNT}:user/skerry",
        {"region": "eu-west-1"},
    )
    assert len(hops(running, "limit=2")) == 2
    assert hops(running, f"since={time.time() + 60}") == []
    assert hops(running, "limit=x") == 400


@pytest.mark.behaviour("TRACE-HOPS")
@pytest.mark.behaviour("HOPS-TRACE")
def test_every_plane_stands_in_its_callers_trace(running):
    def client(service):
        return sending(running.client(service), SENT)

    client("sqs").list_queues()
    client("bedrock-agentcore-control").list_gateways()
    failure(client("bedrock-agentcore").get_workload_access_token, workloadName="nobody")
    failure(client("bedrock-runtime").converse, modelId="none", messages=[])
    failure(
        client("bedrock-agentcore").invoke_agent_runtime,
        agentRuntimeArn=f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/none-0123456789",
        payload=b"{}",
    )
    raw(f"{running.url}/gateway/none-0123456789/mcp", method="POST", headers=SENT, body=b"{}")
    found = hops(running, f"trace={TRACE}")
    assert [hop["part"] for hop in found] == ["aws", "control", "identity", "models", "runtime", "gateway"]
    assert {(hop["trace"], hop["parent"]) for hop in found} == {(TRACE, CALLER)}
    assert len({hop["span"] for hop in found}) == 6


@pytest.mark.behaviour("HOPS-LOOKS")
def test_what_skerry_itself_looks_up_can_be_left_out(running):
    since, trace = time.time(), {"traceparent": f"00-{'c' * 32}-{CALLER}-01"}
    client = sending(running.client("bedrock-agentcore-control"), trace)
    client.list_gateways()
    sending(client, {"User-Agent": f"Boto3/1 {LOOKS}"}).list_gateways()
    query = f"since={since}&trace={'c' * 32}"
    assert [hop["detail"] for hop in hops(running, query)] == [{}, {LOOKED: "skerry"}]
    assert [hop["detail"] for hop in hops(running, f"{query}&looks=0")] == [{}]


@pytest.mark.behaviour("END-HEALTH")
def test_health_needs_no_key_and_tells_no_secret(running):
    status, headers, body = raw(f"{running.url}/_skerry/health")
    health = json.loads(body)
    assert (status, health["status"], health["region"]) == (200, "ok", "us-east-1")
    assert set(health["planes"]) >= {
        "aws",
        "control",
        "functions",
        "gateway",
        "inspection",
        "models",
        "runtime",
    }
    assert running.developer.secret_access_key.encode() not in body
    assert "server" not in headers


def test_agentcore_works_beside_everything_else(running):
    agentcore = running.client("bedrock-agentcore-control")
    gateway = agentcore.create_gateway(
        name="desk", roleArn=ROLE, authorizerType="AWS_IAM", protocolType="MCP"
    )
    assert gateway["gatewayUrl"] == f"{running.url}/gateway/{gateway['gatewayId']}/mcp"
    made = agentcore.create_agent_runtime(
        agentRuntimeName="desk", roleArn=ROLE, agentRuntimeArtifact=artifact(str(PROGRAMS / "plain"))
    )
    found = settled(agentcore.get_agent_runtime, agentRuntimeId=made["agentRuntimeId"])
    assert found["status"] == "READY"
    agentcore.delete_agent_runtime(agentRuntimeId=made["agentRuntimeId"])
    agentcore.delete_gateway(gatewayIdentifier=gateway["gatewayId"])


@pytest.mark.behaviour("END-LOG")
def test_the_log_has_a_line_for_each_request_without_query_and_secrets(running):
    for _ in range(2):  # a line is written after its answer: the second answer proves the first line
        running.client("s3").list_objects_v2(Bucket="desk-logs", Prefix="not-to-be-logged")
    log = (running.state / "logs" / "endpoint.log").read_text()
    assert " GET /desk-logs 200 " in log
    assert "not-to-be-logged" not in log
    assert "Signature" not in log
    assert running.developer.secret_access_key not in log
    assert "Traceback" not in log


def test_a_path_that_is_not_ascii_is_refused(running):
    port = int(running.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("GET /gateways/é/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert connection.makefile("rb").readline().split()[1] == b"400"


@pytest.mark.behaviour("AWS-DYNAMODB-ATOMIC")
def test_a_failed_transaction_undoes_nothing_of_others(running):
    """moto alone puts back the whole table of a failed transaction."""
    dynamodb = running.client("dynamodb")
    dynamodb.create_table(
        TableName="atomic",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    filling = [{"Put": {"TableName": "atomic", "Item": {"id": {"S": f"f{n}"}}}} for n in range(90)]
    dynamodb.transact_write_items(TransactItems=filling)
    refused = {
        "TableName": "atomic",
        "Item": {"id": {"S": "f1"}},
        "ConditionExpression": "attribute_not_exists(id)",
    }

    def write(number):
        if number % 2:
            with pytest.raises(ClientError):
                dynamodb.transact_write_items(TransactItems=[{"Put": refused}])
        else:
            dynamodb.put_item(TableName="atomic", Item={"id": {"S": f"w{number}"}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    found = {item["id"]["S"] for item in dynamodb.scan(TableName="atomic")["Items"]}
    assert {f"w{number}" for number in range(0, 80, 2)} <= found


@pytest.mark.behaviour("POL-SCHEMA-FINDINGS")
def test_policies_are_checked_against_the_tools_of_the_stack(running):
    agentcore = running.client("bedrock-agentcore-control")
    gateway = agentcore.create_gateway(name="guarded", roleArn=ROLE, authorizerType="AWS_IAM")
    schema = {"name": "refund", "description": "d", "inputSchema": {"type": "object"}}
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:refund"
    agentcore.create_gateway_target(
        gatewayIdentifier=gateway["gatewayId"],
        name="shop",
        targetConfiguration={
            "mcp": {"lambda": {"lambdaArn": function, "toolSchema": {"inlinePayload": [schema]}}}
        },
        credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
    )
    engine = agentcore.create_policy_engine(name="guard")["policyEngineId"]

    def status(name, tool):
        statement = (
            f'permit(principal, action == AgentCore::Action::"{tool}", '
            f'resource == AgentCore::Gateway::"{gateway["gatewayArn"]}");'
        )
        made = agentcore.create_policy(
            policyEngineId=engine,
            name=name,
            definition={"cedar": {"statement": statement}},
            validationMode="IGNORE_ALL_FINDINGS",
        )
        return agentcore.get_policy(policyEngineId=engine, policyId=made["policyId"])["status"]

    assert status("known", "shop___refund") == "ACTIVE"
    assert status("unknown", "shop___pay") == "CREATE_FAILED"
