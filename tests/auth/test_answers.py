"""Why requests are refused, in all the forms that AWS and MCP servers say it, and what a person is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth import answers, refusals
from skerry.auth.ports import Origin
from skerry.errors import SkerryError
from skerry.local.runtime import texts
from skerry.wire import shown

KEYS = Origin("sigv4", "the profile 'dev' (AWS SSO)", "Run: aws sso login --profile dev")
TOKEN = Origin("bearer", "the token command 'get'", "Run it by hand: it must print a token.")
NONE = Origin("none")
CHALLENGE = {"www-authenticate": 'Bearer resource_metadata="https://host/x", scope="a b"'}


def aws(name: str, text: str = "") -> tuple[bytes, dict[str, str]]:
    return json.dumps({"message": text}).encode(), {"x-amzn-errortype": name}


def rpc(text: str, code: int = -32001) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": text}}).encode()


def xml(name: str, text: str = "") -> bytes:
    return (
        f"<ErrorResponse><Error><Code>{name}</Code><Message>{text}</Message></Error></ErrorResponse>".encode()
    )


MISMATCH = aws("AccessDeniedException", texts.METHOD_MISMATCH)
INSUFFICIENT = {"www-authenticate": 'Bearer error="insufficient_scope", scope="desk/use"'}
INVALID = {"www-authenticate": 'Bearer error="invalid_token", error_description="The token expired"'}

CASES = [
    # proof, status, body, headers, reason, code, in the message, in the hint
    (KEYS, 403, *MISMATCH, "crossed", "SKY-101", "accepts OAuth bearer tokens; you signed", "--token-command"),
    (TOKEN, 403, *MISMATCH, "crossed", "SKY-101", "accepts SigV4 signatures; you sent a bearer", "aws sso login"),
    (KEYS, 401, rpc(texts.NO_TOKEN), CHALLENGE, "crossed", "SKY-101", "This server accepts OAuth", "--token-file"),
    (KEYS, 401, rpc("Missing Bearer token"), {}, "crossed", "SKY-101", "bearer tokens", "--token-command"),
    (TOKEN, 403, *aws("MissingAuthenticationTokenException", "Missing Authentication Token"), "crossed", "SKY-101", "accepts SigV4", "--auth"),
    (TOKEN, 403, *aws("UnrecognizedClientException"), "crossed", "SKY-101", "accepts SigV4", "--auth"),
    (NONE, 401, rpc(texts.NO_TOKEN), CHALLENGE, "missing", "SKY-202", "wants an OAuth bearer token", "--token-command"),
    (NONE, 403, *aws("MissingAuthenticationTokenException"), "missing", "SKY-101", "wants a SigV4 signature", "aws login"),
    (NONE, 401, b"who are you", {}, "missing", "SKY-101", "some proof", "--auth sigv4"),
    (NONE, 403, b"go away", {}, "denied", "SKY-108", "go away", "--auth"),
    (KEYS, 403, *aws("ExpiredTokenException", "The security token included in the request is expired"), "expired", "SKY-201", "have expired", "aws sso login --profile dev"),
    (KEYS, 400, *aws("com.amazon.coral#ExpiredToken:http://x"), "expired", "SKY-201", "the profile 'dev'", "aws sso login --profile dev"),
    (KEYS, 403, b'{"message":"The security token included in the request is expired"}', {}, "expired", "SKY-201", "expired", "aws sso"),
    (KEYS, 403, xml("ExpiredToken"), {}, "expired", "SKY-201", "expired", "aws sso"),
    (KEYS, 403, *aws("UnrecognizedClientException", "The security token included in the request is invalid."), "unknown", "SKY-201", "does not accept the credentials", "aws sso login"),
    (KEYS, 403, xml("InvalidClientTokenId"), {}, "unknown", "SKY-201", "does not accept", "region"),
    (KEYS, 401, rpc("Authentication error - Invalid credentials"), {}, "unknown", "SKY-201", "does not accept", "aws sso"),
    (KEYS, 403, *aws("InvalidSignatureException", "The request signature we calculated does not match"), "signature", "SKY-201", "does not match", "secret access key"),
    (KEYS, 403, *aws("InvalidSignatureException", "Signature not yet current: a is still later than b"), "skew", "SKY-201", "clock of this machine is wrong", "NTP"),
    (KEYS, 403, *aws("InvalidSignatureException", "Signature expired: a is now earlier than b"), "skew", "SKY-201", "clock", "credentials are not the problem"),
    (KEYS, 403, xml("RequestTimeTooSkewed"), {}, "skew", "SKY-201", "clock", "NTP"),
    (KEYS, 403, *aws("InvalidSignatureException", "Credential should be scoped to a valid region."), "scope", "SKY-201", "another region or service", "--region"),
    (KEYS, 403, *aws("IncompleteSignatureException"), "malformed", "SKY-201", "no readable signature", "Authorization header"),
    (KEYS, 403, *aws("AccessDeniedException", "User: arn:aws:iam::1:user/me is not authorized"), "denied", "SKY-108", "Access denied", "InvokeAgentRuntime"),
    (KEYS, 403, rpc("Authorization error - Insufficient permissions", -32002), {}, "denied", "SKY-108", "Insufficient permissions", "Allow"),
    (KEYS, 403, b"", {}, "denied", "SKY-108", "Access denied", "Allow"),
    (KEYS, 401, b"no", {}, "other", "SKY-108", "does not accept the signature", "--auth bearer"),
    (TOKEN, 401, b"Token has expired", {}, "expired", "SKY-202", "has expired", "by hand"),
    (TOKEN, 401, b"", INVALID, "expired", "SKY-202", "has expired", "by hand"),
    (TOKEN, 401, rpc("Authentication error - Invalid credentials"), {}, "unknown", "SKY-202", "does not accept", "by hand"),
    (TOKEN, 403, b'{"message":"OAuth authorization failed: Failed to parse token"}', {}, "unreadable", "SKY-202", "it is no JWT", "access token"),
    (TOKEN, 401, b"{\"message\":\"Claim 'client_id' value mismatch with configuration.\"}", {}, "claim", "SKY-202", "not for this server", "not the ID token"),
    (TOKEN, 403, b"{\"message\":\"OAuth authorization failed: Claim 'aud' value mismatch with configuration\"}", {}, "claim", "SKY-202", "'aud'", "allowedClients"),
    (TOKEN, 403, b"", INSUFFICIENT, "insufficient", "SKY-202", "lacks a scope: desk/use", '--scope "desk/use"'),
    (TOKEN, 403, b"no", {}, "denied", "SKY-108", "Access denied", "scopes and claims"),
]  # fmt: skip


@pytest.mark.behaviour("AUTH-MODE")
@pytest.mark.behaviour("AUTH-DENIED")
@pytest.mark.parametrize(("origin", "status", "body", "headers", "reason", "code", "message", "hint"), CASES)
def test_each_refusal_has_its_sentence_and_its_next_move(
    origin, status, body, headers, reason, code, message, hint
):
    assert answers.reason(status, body, headers, origin.kind) == reason
    said = refusals.explain(status, body, headers, origin)
    assert said is not None
    assert said.code == code
    assert message in said.message
    assert hint in said.hint
    if reason not in ("expired", "skew"):
        assert "expired" not in str(said)


@pytest.mark.parametrize(
    ("origin", "status", "body"),
    [
        (KEYS, 404, b"Session not found"),
        (KEYS, 400, b'{"message":"ValidationException"}'),
        (TOKEN, 400, rpc("The provided SessionId was not found or has expired", -30001)),
        (KEYS, 500, b"The security token included in the request is expired"),
        (NONE, 429, b""),
    ],
)
def test_what_is_no_matter_of_proof_has_no_sentence(origin, status, body):
    assert answers.reason(status, body, {}, origin.kind) == ""
    assert refusals.explain(status, body, {}, origin) is None


@pytest.mark.behaviour("AUTH-SECRET")
def test_what_aws_repeats_of_the_request_is_never_shown():
    token = "IQoJb3JpZ2luX2VjE" + "aBc123+/" * 40
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
    for origin in (KEYS, TOKEN, NONE):
        for name in (
            "InvalidSignatureException",
            "IncompleteSignatureException",
            "AccessDeniedException",
            "",
        ):
            for status in (400, 401, 403):
                text = f"The Canonical String should have been 'x-amz-security-token:{token}' Bearer {jwt}, {token}"
                said = str(refusals.explain(status, *aws(name, text), origin) or "")
                assert jwt[:12] not in said
                assert token[:17] not in said
                assert "aBc123" not in said


def test_safe_keeps_arns_and_sentences():
    text = "User: arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Administrator_0123456789abcdef/me@x.example is\nnot\x1b[31m authorized"
    assert shown.safe(text) == (
        "User: arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Administrator_0123456789abcdef/me@x.example "
        "is not [31m authorized"
    )
    assert len(shown.safe("word " * 1000)) == 300


@given(
    st.integers(100, 599),
    st.binary(max_size=300) | st.builds(lambda value: json.dumps(value).encode(), st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["error", "message", "code", "__type", "x"]), inner, max_size=4
        ),
        max_leaves=8,
    )),
    st.dictionaries(st.sampled_from(["www-authenticate", "x-amzn-errortype", "date"]), st.text(max_size=60)),
    st.sampled_from([KEYS, TOKEN, NONE]),
)  # fmt: skip
def test_no_answer_breaks_it(status, body, headers, origin):
    said = refusals.explain(status, body, headers, origin)
    assert (said is not None) == bool(answers.reason(status, body, headers, origin.kind))
    if said is not None:
        assert isinstance(said, SkerryError)
        assert len(str(said)) < 1500
    assert answers.wanted(status, body, headers, origin.kind) in (None, "sigv4", "bearer")
    answers.server_time(headers)


def test_a_deep_or_huge_body_is_read_in_part():
    assert answers.reason(403, b'{"a":' * 100_000, {}, "sigv4") == "denied"
    assert answers.reason(403, b"x" * 5_000_000, {}, "sigv4") == "denied"
