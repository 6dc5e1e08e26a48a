"""How the services of AWS write an error: seven forms, told apart by the request itself.

boto3 reads the error code of each form in another place; an error in the wrong form shows up as a bare
HTTP status or a parser error. The codes for signatures differ too: what is `UnrecognizedClientException`
in one service is `InvalidClientTokenId`, `AuthFailure` or `InvalidAccessKeyId` in others.

Sources: Smithy 2.0, AWS protocols; "Common errors" of the IAM, EC2 and DynamoDB API references; S3 API
reference, "Error responses". Statuses and codes against the live services are unchecked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal
from xml.sax.saxutils import escape

from skerry.errors import ServiceError, SignatureError
from skerry.local.api.rest_json import Reply, error_reply
from skerry.local.ports.asgi import Scope

Dialect = Literal["rest-json", "json", "cbor", "query", "ec2", "s3"]

_XML_SERVICES = frozenset({"route53", "cloudfront", "s3-control"})

# reason: (JSON code, query code, EC2 code, S3 code, S3 status)
_AUTH: Mapping[str, tuple[str, str, str, str, int]] = {
    "missing": (
        "MissingAuthenticationTokenException",
        "MissingAuthenticationToken",
        "AuthFailure",
        "AccessDenied",
        403,
    ),
    "unknown-key": (
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "AuthFailure",
        "InvalidAccessKeyId",
        403,
    ),
    "token": ("UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "InvalidToken", 400),
    "expired-token": ("ExpiredTokenException", "ExpiredToken", "RequestExpired", "ExpiredToken", 400),
    "mismatch": (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "SignatureDoesNotMatch",
        403,
    ),
    "payload": (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "XAmzContentSHA256Mismatch",
        400,
    ),
    "expired": (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "RequestExpired",
        "RequestTimeTooSkewed",
        403,
    ),
    "skew": (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "RequestExpired",
        "RequestTimeTooSkewed",
        403,
    ),
    "scope": (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "AuthorizationHeaderMalformed",
        400,
    ),
    "malformed": (
        "IncompleteSignatureException",
        "IncompleteSignature",
        "AuthFailure",
        "AuthorizationHeaderMalformed",
        400,
    ),
    "algorithm": (
        "IncompleteSignatureException",
        "IncompleteSignature",
        "AuthFailure",
        "InvalidRequest",
        400,
    ),
    "unsigned-header": (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "AccessDenied",
        403,
    ),
}


def dialect_of(scope: Scope, service: str) -> Dialect:
    """The form in which the called service answers; `service` is the signing name, "" when unsigned."""
    headers = {name.lower(): value for name, value in scope["headers"]}
    if headers.get(b"smithy-protocol") == b"rpc-v2-cbor":
        return "cbor"
    if b"x-amz-target" in headers:
        return "json"
    if service == "s3" and not scope["raw_path"].startswith(b"/v20180820/"):
        return "s3"
    if service == "ec2":
        return "ec2"
    form = headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded")
    if form or b"Action=" in scope["query_string"] or service in _XML_SERVICES or service == "s3":
        return "query"
    return "rest-json"


def signature_error(error: SignatureError, dialect: Dialect) -> ServiceError:
    """The error that a service of this form gives for a signature that does not hold."""
    json_code, query_code, ec2_code, s3_code, s3_status = _AUTH.get(error.reason, _AUTH["mismatch"])
    name, status = {
        "rest-json": (json_code, 403),
        "json": (json_code, 400),
        "cbor": (json_code, 400),
        "query": (query_code, 403),
        "ec2": (ec2_code, 400 if ec2_code == "RequestExpired" else 401),
        "s3": (s3_code, s3_status),
    }[dialect]
    return ServiceError(name, status, error.message.removesuffix(".") + ".", hint=error.hint)


def error_answer(error: ServiceError, dialect: Dialect, *, request_id: str) -> Reply:
    """The error as a response in the given form."""
    if dialect == "rest-json":
        return error_reply(error)
    kind = (b"x-amzn-errortype", error.name.encode("ascii"))
    if dialect == "json":
        body = json.dumps({"__type": error.name, "message": str(error)}).encode()
        return Reply(error.status, [(b"content-type", b"application/x-amz-json-1.0"), kind], body)
    if dialect == "cbor":
        headers = [(b"content-type", b"application/cbor"), (b"smithy-protocol", b"rpc-v2-cbor"), kind]
        return Reply(error.status, headers, _cbor({"__type": error.name, "message": str(error)}))
    inner = f"<Code>{escape(error.name)}</Code><Message>{escape(_xml_text(str(error)))}</Message>"
    if dialect == "s3":
        body = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>".encode()
    elif dialect == "ec2":
        body = (
            f"<Response><Errors><Error>{inner}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>".encode()
        )
    else:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>".encode()
        )
    declaration = b'<?xml version="1.0" encoding="UTF-8"?>\n'
    return Reply(error.status, [(b"content-type", b"text/xml")], declaration + body)


def _xml_text(text: str) -> str:
    """The text without what XML 1.0 cannot carry."""
    return "".join(char if char in "\t\n\r" or 0x20 <= ord(char) < 0xD800 else "?" for char in text)


def _cbor(members: Mapping[str, str]) -> bytes:
    """A CBOR map of text strings (RFC 8949 §3.1, major types 3 and 5); at most 23 members."""
    parts = [bytes([0xA0 + len(members)])]
    for text in (item for pair in members.items() for item in pair):
        raw = text.encode("utf-8", "replace")
        size = len(raw)
        head = bytes([0x60 + size]) if size < 24 else b"\x79" + size.to_bytes(2, "big")
        parts.append(head + raw[:65535])
    return b"".join(parts)
