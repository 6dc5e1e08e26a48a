"""botocore as the other side: what it signs we accept, and what we sign it would have signed the same."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import SignatureError
from skerry.wire.arn import runtime_arn
from skerry.wire.endpoints import data_plane, invocation_url

KEY = Credentials("AKIAEXAMPLE", "a secret", "a/token+==")
REGION, SERVICE = "us-east-1", "bedrock-agentcore"
URLS = [
    invocation_url(data_plane(REGION), runtime_arn(REGION, "123456789012", "desk-0123456789")),
    invocation_url("http://127.0.0.1:8123", "desk-0123456789", account_id="123456789012"),
    "http://127.0.0.1:8123/gateway/desk-0123456789/mcp",
    "http://127.0.0.1:8123/a//b/./c/../d/?b=2&a=1&a=%2F&c",
    "http://127.0.0.1:8123",
]
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": "s" * 36,
    "Mcp-Session-Id": "m",
    "traceparent": "00-1-2-03",
}


def by_botocore(signer, method, url, headers, body):
    """The request after botocore signed it at the real time, which is returned too."""
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    signer.add_auth(request)
    return request


def credentials():
    return BotocoreCredentials(KEY.access_key_id, KEY.secret_access_key, KEY.session_token)


def present(method, url, headers):
    parts = urlsplit(url)
    pairs = [("Host", parts.netloc), *headers]
    return sigv4.presented(method, parts.path.encode() or b"/", parts.query.encode(), pairs)


@pytest.mark.behaviour("AUTH-SIGV4-PATH")
@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_botocore_signs_is_accepted(url, method):
    body = b'{"prompt":"hi"}'
    request = by_botocore(botocore.auth.SigV4Auth(credentials(), SERVICE, REGION), method, url, HEADERS, body)
    shown = present(method, url, request.headers.items())
    sigv4.check(shown, body, KEY.secret_access_key, now=shown.timestamp, expected_token=KEY.session_token)
    with pytest.raises(SignatureError):
        sigv4.check(
            shown, body + b" ", KEY.secret_access_key, now=shown.timestamp, expected_token=KEY.session_token
        )


@pytest.mark.parametrize("url", URLS)
def test_we_sign_as_botocore_does(url):
    body = b'{"prompt":"hi"}'
    request = by_botocore(botocore.auth.SigV4Auth(credentials(), SERVICE, REGION), "POST", url, HEADERS, body)
    stamp = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = sigv4.sign(
        "POST", url, HEADERS, body, credentials=KEY, region=REGION, service=SERVICE, now=stamp.timestamp()
    )
    assert ours["Authorization"] == request.headers["Authorization"]
    assert ours["X-Amz-Security-Token"] == KEY.session_token


def presigned(signer, method="GET", url=URLS[1]):
    return urlsplit(by_botocore(signer, method, url, {}, b"").url)


@pytest.mark.behaviour("AUTH-SIGV4-PRESIGNED")
@pytest.mark.parametrize("url", URLS)
def test_presigned_urls_of_botocore_are_accepted_while_they_live(url):
    parts = presigned(botocore.auth.SigV4QueryAuth(credentials(), SERVICE, REGION, expires=300), url=url)
    shown = sigv4.presented(
        "GET", parts.path.encode() or b"/", parts.query.encode(), [("host", parts.netloc)]
    )
    assert (shown.form, shown.expires, shown.token) == ("query", 300, KEY.session_token)
    options = {"expected_token": KEY.session_token}
    sigv4.check(shown, b"", KEY.secret_access_key, now=shown.timestamp + 300, **options)
    for now, reason in ((301, "expired"), (-901, "skew")):
        with pytest.raises(SignatureError) as caught:
            sigv4.check(shown, b"", KEY.secret_access_key, now=shown.timestamp + now, **options)
        assert caught.value.reason == reason
    with pytest.raises(SignatureError) as caught:
        sigv4.check(shown, b"a body", KEY.secret_access_key, now=shown.timestamp, **options)
    assert caught.value.reason == "mismatch"


def test_a_service_may_take_shorter_presigned_urls_only():
    parts = presigned(botocore.auth.SigV4QueryAuth(credentials(), SERVICE, REGION, expires=301))
    shown = sigv4.presented("GET", parts.path.encode(), parts.query.encode(), [("host", parts.netloc)])
    shown.require(service=SERVICE)
    shown.require(service=SERVICE, max_expires=301)
    with pytest.raises(SignatureError) as caught:
        shown.require(service=SERVICE, max_expires=300)
    assert caught.value.reason == "malformed"


@pytest.mark.behaviour("AUTH-SIGV4-PRESIGNED")
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("X-Amz-Expires=300", "X-Amz-Expires=301", "mismatch"),
        ("X-Amz-Expires=300", "X-Amz-Expires=604801", "malformed"),
        ("X-Amz-Expires=300", "X-Amz-Expires=0", "malformed"),
        ("X-Amz-Expires=300", "X-Amz-Expires=-1", "malformed"),
        ("X-Amz-Expires=300", "X-Amz-Expires=9e9", "malformed"),
        ("&X-Amz-Expires=300", "", "malformed"),
        ("X-Amz-Expires=300", "X-Amz-Expires=300&X-Amz-Expires=300", "malformed"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", "algorithm"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=accept", "unsigned-header"),
        ("us-east-1", "us-west-2", "mismatch"),
        ("accountId=123456789012", "accountId=123456789013", "mismatch"),
    ],
)
def test_a_changed_presigned_url_is_refused(old, new, reason):
    parts = presigned(botocore.auth.SigV4QueryAuth(credentials(), SERVICE, REGION, expires=300))
    assert old in parts.query
    query = parts.query.replace(old, new, 1).encode()

    def verify():
        shown = sigv4.presented("GET", parts.path.encode(), query, [("host", parts.netloc)])
        sigv4.check(shown, b"", KEY.secret_access_key, now=shown.timestamp, expected_token=KEY.session_token)

    with pytest.raises(SignatureError) as caught:
        verify()
    assert caught.value.reason == reason


def test_a_request_is_signed_in_its_header_or_in_its_query_but_not_both():
    parts = presigned(botocore.auth.SigV4QueryAuth(credentials(), SERVICE, REGION))
    headers = [("host", parts.netloc), ("authorization", "AWS4-HMAC-SHA256 x")]
    with pytest.raises(SignatureError) as caught:
        sigv4.presented("GET", parts.path.encode(), parts.query.encode(), headers)
    assert caught.value.reason == "malformed"


S3_URLS = [
    "http://127.0.0.1:1/bucket/a%20b/../c%2Bd",
    "http://127.0.0.1:1/bucket/%E1%88%B4?list-type=2&prefix=a%2Fb",
]


@pytest.mark.parametrize("url", S3_URLS)
def test_s3_requests_of_botocore_are_accepted(url):
    request = by_botocore(botocore.auth.S3SigV4Auth(credentials(), "s3", REGION), "PUT", url, {}, b"data")
    shown = present("PUT", url, request.headers.items())
    sigv4.check(shown, b"data", KEY.secret_access_key, now=shown.timestamp, expected_token=KEY.session_token)


@pytest.mark.parametrize("url", S3_URLS)
def test_presigned_s3_urls_leave_the_body_unsigned(url):
    parts = presigned(botocore.auth.S3SigV4QueryAuth(credentials(), "s3", REGION), "PUT", url)
    shown = sigv4.presented("PUT", parts.path.encode(), parts.query.encode(), [("host", parts.netloc)])
    sigv4.check(shown, b"any", KEY.secret_access_key, now=shown.timestamp, expected_token=KEY.session_token)
