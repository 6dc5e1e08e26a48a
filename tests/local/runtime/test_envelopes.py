"""The error tables: one failure, four envelopes."""

import json

import pytest

from skerry.errors import ServiceError, access_denied, not_found, validation
from skerry.local.runtime import envelopes

FAILED = ServiceError("RuntimeClientError", 424, "Received error (500) from runtime.")
BUSY = ServiceError("RetryableConflictException", 409, "Session operation in progress, please retry")
UNSIGNED = ServiceError("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
OTHER = ServiceError("InternalServerException", 500, "the disk is full")


def shown(protocol, problem):
    answer = envelopes.error(protocol, problem, raw_id=b'"an id"')
    if protocol == "AGUI":
        event = json.loads(answer.body.decode().removeprefix("data: "))
        return answer.status, event["code"], event["message"]
    body = json.loads(answer.body)
    if "error" in body:
        assert ("2.0", "an id") == (body["jsonrpc"], body["id"])
        return answer.status, body["error"]["code"], body["error"]["message"]
    return answer.status, dict(answer.headers)[b"x-amzn-errortype"].decode(), body["message"]


@pytest.mark.behaviour("RT-ENVELOPES")
@pytest.mark.parametrize(
    ("protocol", "problem", "expected"),
    [
        ("HTTP", FAILED, (424, "RuntimeClientError", FAILED.message)),
        ("MCP", FAILED, (200, -32010, FAILED.message)),
        (
            "A2A",
            FAILED,
            (424, -32055, "Runtime client error - Please check your CloudWatch logs for more information"),
        ),
        ("AGUI", FAILED, (200, "AGENT_ERROR", FAILED.message)),
        ("HTTP", BUSY, (409, "RetryableConflictException", BUSY.message)),
        ("MCP", BUSY, (200, -32005, BUSY.message)),
        ("A2A", BUSY, (409, -32054, BUSY.message)),
        ("AGUI", BUSY, (409, "SESSION_BUSY", BUSY.message)),
        ("HTTP", OTHER, (500, "InternalServerException", OTHER.message)),
        ("MCP", OTHER, (200, -32603, "Internal error - Server error")),
        (
            "A2A",
            OTHER,
            (500, -32603, "Internal error - An unexpected error occurred while processing the request"),
        ),
        ("AGUI", OTHER, (500, "INTERNAL_ERROR", OTHER.message)),
        ("HTTP", UNSIGNED, (403, UNSIGNED.name, UNSIGNED.message)),
        ("MCP", UNSIGNED, (403, -32002, UNSIGNED.message)),
        ("A2A", UNSIGNED, (403, UNSIGNED.name, UNSIGNED.message)),
        ("AGUI", UNSIGNED, (403, "ACCESS_DENIED", UNSIGNED.message)),
        ("MCP", access_denied("no"), (403, -32002, "no")),
        ("A2A", access_denied("no"), (403, "AccessDeniedException", "no")),
        (
            "MCP",
            not_found("none"),
            (200, -32004, "Resource not found - Requested resource does not exist"),
        ),
        ("MCP", validation("bad"), (200, -32006, "Validation error - Invalid request data")),
        ("AGUI", validation("bad"), (400, "VALIDATION_ERROR", "bad")),
    ],
)
def test_one_failure_by_protocol(protocol, problem, expected):
    assert expected == shown(protocol, problem)


def test_what_a_fixed_message_hides_is_in_the_data():
    body = json.loads(envelopes.error("MCP", OTHER, raw_id=b"1").body)
    assert {"type": "InternalServerException", "message": "the disk is full"} == body["error"]["data"]


def test_members_of_a_modelled_error_are_in_the_body():
    body = json.loads(envelopes.plain(validation("bad", ("name", "too long"))).body)
    assert ("FieldValidationFailed", [{"name": "name", "message": "too long"}]) == (
        body["reason"],
        body["fieldList"],
    )
