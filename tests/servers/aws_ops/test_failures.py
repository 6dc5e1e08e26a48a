"""Errors of AWS as one line that says what to do, against a fake AWS that refuses."""

import botocore.exceptions
import pytest

from skerry.errors import RemoteError
from skerry.servers.aws_ops.failures import CODES, EXCEPTIONS, Call, explain
from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings
from tests.kit.asgi_thread import serve


class RefusingAws:
    """An EC2 endpoint that answers every call with one error, and STS with an account.

    `code`, `status` and `page` (a whole body instead of an error) can be changed between calls;
    `broken_regions` limits the error to calls whose signature is for one of these regions.
    """

    def __init__(self):
        self.code, self.status, self.page, self.broken_regions = "", 400, "", None

    async def __call__(self, scope, receive, send):
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, answer = self.answer(dict(scope["headers"])[b"authorization"].decode(), body.decode())
        headers = [(b"content-type", b"text/xml")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.encode()})

    def answer(self, authorization, body):
        region = authorization.split("/")[2]
        if "GetCallerIdentity" in body:
            result = "<GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>"
            return 200, f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"
        if self.broken_regions is not None and region not in self.broken_regions:
            return 200, "<R><keySet><item><keyName>fine</keyName></item></keySet></R>"
        if self.page:
            return self.status, self.page
        error = f"<Error><Code>{self.code}</Code><Message>because</Message></Error>"
        return self.status, f"<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"


@pytest.fixture(scope="module")
def aws():
    fake = RefusingAws()
    with serve(fake, lifespan="off") as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "a-secret-that-must-not-show",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        yield fake


@pytest.fixture(scope="module")
def embedded(aws):
    return Registry(AwsOpsSettings(embedded=True))


def complain(registry, **arguments):
    with pytest.raises(RemoteError) as caught:
        registry.call("ec2_read_operations", {"operation": "list_key_pairs", **arguments})
    text = str(caught.value)
    assert "\n" not in text
    assert "a-secret" not in text
    return text


@pytest.mark.behaviour("OPS-ERRORS")
@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("UnauthorizedOperation", 403, "is denied (UnauthorizedOperation). Grant this action"),
        ("AccessDenied", 403, "is denied (AccessDenied). Grant this action"),
        ("RequestLimitExceeded", 503, "is throttled (RequestLimitExceeded). Wait a minute"),
        ("ExpiredToken", 400, "the login has expired (ExpiredToken). Log in again"),
        ("RequestExpired", 400, "the login has expired (RequestExpired). Log in again"),
        ("OptInRequired", 400, "not possible in this region (OptInRequired). Enable the region"),
        ("AuthFailure", 401, "not possible in this region (AuthFailure). Enable the region"),
        ("SomethingNew", 400, "failed (SomethingNew): because"),
    ],
)
def test_each_refusal_says_what_to_do(aws, embedded, code, status, says):
    aws.code, aws.status, aws.page, aws.broken_regions = code, status, "", None
    text = complain(embedded)
    assert text.startswith("ec2:DescribeKeyPairs in us-east-1 ")
    assert says in text


@pytest.mark.behaviour("OPS-ERRORS")
@pytest.mark.parametrize("status", [404, 500, 501])
def test_what_the_embedded_cloud_lacks_is_named(aws, embedded, status):
    aws.page, aws.status = "<!doctype html><title>500</title><h1>Internal Server Error</h1>", status
    aws.broken_regions = None
    assert complain(embedded).startswith("ec2:DescribeKeyPairs is not available in the embedded cloud.")


@pytest.mark.behaviour("OPS-PARTIAL")
def test_one_region_that_fails_does_not_hide_the_others(aws, embedded):
    aws.code, aws.status, aws.page, aws.broken_regions = "OptInRequired", 400, "", {"me-south-1"}
    call = {"operation": "list_key_pairs", "region": "us-east-1,me-south-1,eu-west-1"}
    answer = embedded.call("ec2_read_operations", call)
    assert [item["region"] for item in answer["items"]] == ["us-east-1", "eu-west-1"]
    (problem,) = answer["problems"]
    assert problem["region"] == "me-south-1"
    assert "Enable the region" in problem["problem"]
    assert answer["account"] == "111122223333"


def test_when_every_region_fails_it_is_an_error(aws, embedded):
    aws.code, aws.status, aws.page, aws.broken_regions = "UnauthorizedOperation", 403, "", None
    assert "is denied" in complain(embedded, region="us-east-1,eu-west-1")


def test_no_credentials(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "has no AWS credentials. Log in" in complain(Registry(AwsOpsSettings(embedded=True)))


def test_nobody_at_the_endpoint(monkeypatch):
    import socket

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
        text = complain(Registry(AwsOpsSettings(embedded=True)))
    assert "could not reach the endpoint" in text


def test_the_table_names_exceptions_that_botocore_has():
    assert [name for name in EXCEPTIONS if not hasattr(botocore.exceptions, name)] == []


def test_rows_are_sentences_with_a_next_move():
    for row in (*CODES.values(), *EXCEPTIONS.values()):
        assert not row[0].endswith(".")
        assert row[1].endswith(".")


def test_a_long_message_is_cut_to_one_line():
    response = {"Error": {"Code": "Odd", "Message": "line one\n  line two " + "x" * 900}}
    error = botocore.exceptions.ClientError(response, "DescribeThings")
    text = str(explain(error, Call("ec2", "DescribeThings", "us-east-1")))
    assert "line one line two" in text
    assert len(text) < 400
