"""One error in the form of each service, as botocore's parsers read it."""

from __future__ import annotations

import typing

import botocore.session
import pytest
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError, SignatureError
from skerry.local.api.dialects import Dialect, dialect_of, error_answer, signature_error

SESSION = botocore.session.Session()
REASONS = [
    "missing",
    "malformed",
    "algorithm",
    "scope",
    "expired",
    "skew",
    "unsigned-header",
    "payload",
    "unknown-key",
    "token",
    "mismatch",
    "expired-token",
]
# dialect: a service that speaks it, its protocol for the parser, one of its operations
SERVICES = {
    "rest-json": ("lambda", "rest-json", "ListFunctions"),
    "json": ("dynamodb", "json", "ListTables"),
    "cbor": ("dynamodb", "smithy-rpc-v2-cbor", "ListTables"),
    "query": ("sts", "query", "GetCallerIdentity"),
    "ec2": ("ec2", "ec2", "DescribeInstances"),
    "s3": ("s3", "rest-xml", "ListBuckets"),
}


def read(reply, dialect):
    """The error as botocore's parser of the service sees it."""
    service, protocol, operation = SERVICES[dialect]
    shape = SESSION.get_service_model(service).operation_model(operation).output_shape
    headers = {name.decode().lower(): value.decode() for name, value in reply.headers}
    return create_parser(protocol).parse(
        {"status_code": reply.status, "headers": headers, "body": reply.body}, shape
    )["Error"]


def scope(path=b"/", query=b"", **headers):
    pairs = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return {"raw_path": path, "query_string": query, "headers": pairs}


@pytest.mark.parametrize("dialect", typing.get_args(Dialect))
def test_code_and_message_reach_botocore(dialect):
    error = ServiceError("SomeCode", 400, 'Not <so> & "so"', hint="é.")
    found = read(error_answer(error, dialect, request_id="r"), dialect)
    assert (found["Code"], found["Message"]) == ("SomeCode", 'Not <so> & "so". é.')


@given(st.text(max_size=300), st.sampled_from(typing.get_args(Dialect)))
def test_any_text_can_be_sent(text, dialect):
    found = read(error_answer(ServiceError("Code", 400, "m" + text), dialect, request_id="r"), dialect)
    assert found["Code"] == "Code"


@pytest.mark.behaviour("ACC-DIALECTS")
@pytest.mark.parametrize(
    ("dialect", "reason", "code", "status"),
    [
        ("rest-json", "unknown-key", "UnrecognizedClientException", 403),
        ("rest-json", "mismatch", "InvalidSignatureException", 403),
        ("rest-json", "missing", "MissingAuthenticationTokenException", 403),
        ("rest-json", "expired-token", "ExpiredTokenException", 403),
        ("json", "unknown-key", "UnrecognizedClientException", 400),
        ("query", "unknown-key", "InvalidClientTokenId", 403),
        ("query", "mismatch", "SignatureDoesNotMatch", 403),
        ("query", "expired-token", "ExpiredToken", 403),
        ("ec2", "mismatch", "AuthFailure", 401),
        ("ec2", "expired", "RequestExpired", 400),
        ("s3", "unknown-key", "InvalidAccessKeyId", 403),
        ("s3", "mismatch", "SignatureDoesNotMatch", 403),
        ("s3", "skew", "RequestTimeTooSkewed", 403),
        ("cbor", "mismatch", "InvalidSignatureException", 400),
    ],
)
def test_signature_errors_have_the_names_of_the_service(dialect, reason, code, status):
    error = signature_error(SignatureError(reason, "m"), dialect)
    assert (error.name, error.status) == (code, status)


@pytest.mark.parametrize("dialect", typing.get_args(Dialect))
@pytest.mark.parametrize("reason", [*REASONS, "something-new"])
def test_every_reason_is_a_client_error_in_every_dialect(dialect, reason):
    error = signature_error(SignatureError(reason, "m", hint="h."), dialect)
    assert 400 <= error.status < 404
    assert str(error) == "m. h."


@pytest.mark.parametrize(
    ("given_scope", "service", "dialect"),
    [
        (scope(x_amz_target=b"DynamoDB_20120810.ListTables"), "dynamodb", "json"),
        (scope(smithy_protocol=b"rpc-v2-cbor", x_amz_target=b"x"), "monitoring", "cbor"),
        (scope(b"/bucket/key"), "s3", "s3"),
        (scope(b"/v20180820/bucket/b"), "s3", "query"),
        (scope(content_type=b"application/x-www-form-urlencoded; charset=utf-8"), "iam", "query"),
        (scope(content_type=b"application/x-www-form-urlencoded; charset=utf-8"), "ec2", "ec2"),
        (scope(query=b"Action=GetCallerIdentity&Version=2011-06-15"), "sts", "query"),
        (scope(b"/2013-04-01/hostedzone"), "route53", "query"),
        (scope(b"/2015-03-31/functions"), "lambda", "rest-json"),
        (scope(b"/"), "", "rest-json"),
    ],
)
def test_the_request_tells_the_dialect(given_scope, service, dialect):
    assert dialect_of(given_scope, service) == dialect
