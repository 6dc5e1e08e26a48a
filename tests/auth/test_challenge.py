from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth import challenge
from skerry.auth.challenge import Challenge, ResourceMetadata
from skerry.errors import ProtocolError

METADATA = "http://127.0.0.1:1/.well-known/oauth-protected-resource/gateway/x/mcp"


@pytest.mark.behaviour("AUTH-CHALLENGE")
@pytest.mark.parametrize(
    ("made", "text"),
    [
        (Challenge(), "Bearer"),
        (
            Challenge(resource_metadata=METADATA, scopes=("a", "b")),
            f'Bearer resource_metadata="{METADATA}", scope="a b"',
        ),
        (
            Challenge("invalid_token", "Token has expired", (), METADATA),
            f'Bearer error="invalid_token", error_description="Token has expired", resource_metadata="{METADATA}"',
        ),
        (
            Challenge("insufficient_scope", scopes=("a", "b"), resource_metadata=METADATA),
            f'Bearer error="insufficient_scope", resource_metadata="{METADATA}", scope="a b"',
        ),
        (Challenge(scopes=("a", "offline_access", "a")), 'Bearer scope="a"'),
        (Challenge(scopes=("offline_access",)), "Bearer"),
        (
            Challenge("e", 'a "quoted\\ word"\r\nX: y é'),
            'Bearer error="e", error_description="a \\"quoted\\\\ word\\"??X: y ?"',
        ),
    ],
)
def test_challenges(made, text):
    assert challenge.build(made) == text


plain = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
scope = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=9
)


@given(st.builds(Challenge, plain, plain, st.lists(scope, max_size=4, unique=True).map(tuple), plain))
def test_what_is_built_is_parsed(made):
    assert challenge.parse(challenge.build(made)) == made


@given(st.builds(Challenge, st.text(), st.text(), st.lists(st.text()).map(tuple), st.text()))
def test_no_challenge_can_inject_a_header(made):
    text = challenge.build(made)
    assert text.isascii()
    assert text.isprintable()
    assert challenge.parse(text[: challenge.MAX_HEADER]) is not None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bearer", Challenge()),
        ("Bearer realm=x", Challenge()),
        ('Bearer scope="a  b" , error=invalid_token', Challenge("invalid_token", "", ("a", "b"))),
        ('Basic realm="a, Bearer error=\\"x\\"", Bearer error="y"', Challenge("y")),
        ('Negotiate, Bearer error="y"', Challenge("y")),
        ('Negotiate YWJj==, Bearer error="y"', Challenge("y")),
        ('Bearer error="a", error="b"', Challenge("a")),
        ('Bearer ERROR = "a"', Challenge("a")),
        ('Bearer error="a", Basic realm="b"', Challenge("a")),
        ('Basic realm="x"', None),
        ("", None),
        (" , ", None),
    ],
)
def test_headers_of_others(header, expected):
    assert challenge.parse(header) == expected


@pytest.mark.parametrize("header", ['Bearer error="open', "=", 'é "', "Bearer " + "x" * 9000])
def test_unreadable_headers_are_protocol_errors(header):
    with pytest.raises(ProtocolError, match="WWW-Authenticate"):
        challenge.parse(header)


@given(st.text() | st.lists(st.sampled_from(["Bearer", " ", ",", "=", '"', "\\", "a", "error"])).map("".join))
def test_no_header_raises_anything_but_a_protocol_error(header):
    try:
        found = challenge.parse(header)
    except ProtocolError:
        return
    assert found is None or isinstance(found, Challenge)


def test_the_well_known_part_goes_before_the_path():
    assert challenge.metadata_urls("http://127.0.0.1:1/gateway/x/mcp") == (
        METADATA,
        "http://127.0.0.1:1/.well-known/oauth-protected-resource",
    )
    assert challenge.metadata_urls("https://a.example/") == (
        "https://a.example/.well-known/oauth-protected-resource",
    )
    assert challenge.metadata_urls("https://a.example/r/arn%3A1/invocations?qualifier=DEFAULT")[0] == (
        "https://a.example/.well-known/oauth-protected-resource/r/arn%3A1/invocations?qualifier=DEFAULT"
    )


@pytest.mark.parametrize("url", ["", "a.example", "ftp://a.example", "http://", "http://[", "http://a/#f"])
def test_a_resource_is_a_url(url):
    with pytest.raises(ProtocolError):
        challenge.metadata_urls(url)


RESOURCE = "http://127.0.0.1:1/runtimes/arn%3Aaws/invocations?qualifier=DEFAULT"
DOCUMENT = ResourceMetadata(RESOURCE, ("http://127.0.0.1:2/desk",), ("desk/use",))


@pytest.mark.behaviour("AUTH-METADATA")
def test_metadata_both_ways():
    assert DOCUMENT.document() == {
        "resource": RESOURCE,
        "authorization_servers": ["http://127.0.0.1:2/desk"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["desk/use"],
    }
    assert challenge.read_metadata(json.dumps(DOCUMENT.document()).encode(), resource=RESOURCE) == DOCUMENT
    assert "scopes_supported" not in ResourceMetadata("r", ("s",)).document()


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": RESOURCE + "/"},
        {"resource": RESOURCE.upper()},
        {"resource": None},
        {"authorization_servers": []},
        {"authorization_servers": "http://127.0.0.1:2/desk"},
        {"authorization_servers": ["javascript:alert(1)"]},
        {"authorization_servers": [5]},
        {"scopes_supported": "a b"},
    ],
)
def test_metadata_that_does_not_fit_is_refused(changes):
    body = json.dumps({**DOCUMENT.document(), **changes}).encode()
    with pytest.raises(ProtocolError):
        challenge.read_metadata(body, resource=RESOURCE)


@given(st.binary(max_size=60))
def test_no_document_raises_anything_but_a_protocol_error(body):
    for hostile in (body, b"[" * 5000, b" " * 70_000, b"[]"):
        with pytest.raises(ProtocolError):
            challenge.read_metadata(hostile, resource=RESOURCE)
