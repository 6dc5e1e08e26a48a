"""The form parser and the narrowing of scopes and targets, by properties."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.idp import asked
from skerry.idp.form import MAX_FIELDS, REPEATABLE, Form, parse
from skerry.idp.oauth_errors import OAuthError

FORM = "application/x-www-form-urlencoded"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def tried(function, *arguments):
    """What the function gives, or the error code it refuses with."""
    try:
        return function(*arguments), ""
    except OAuthError as error:
        return None, error.error if error.status == 400 else f"status {error.status}"


@given(st.dictionaries(TEXT.filter(bool), TEXT, max_size=8))
def test_what_a_client_encodes_is_what_is_read(fields):
    form = parse(FORM, urlencode(fields).encode())
    assert {name: form.one(name) for name in fields} == fields
    assert form.one("some name that is too long to be made up") == ""


@given(st.lists(TEXT.filter(bool), max_size=5), st.sampled_from(sorted(REPEATABLE)))
def test_repeatable_parameters_keep_their_order_without_doubles(values, name):
    form = parse(FORM, urlencode([(name, value) for value in values]).encode())
    assert form.all(name) == tuple(dict.fromkeys(values))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_an_invalid_request(body):
    form, error = tried(parse, FORM, body)
    assert isinstance(form, Form) or error == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [b"scope=a&scope=b", b"scope=&scope=b", b"x=1&x=1", b"a=%ff", b"a=\xc3\xa9", b"a&" * (MAX_FIELDS + 1)],
)
def test_doubled_undecodable_and_endless_forms_are_refused(body):
    with pytest.raises(OAuthError, match=r"once|malformed"):
        parse(FORM, body)


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data; boundary=x", "text/plain", FORM + "x"]
)
def test_another_content_type_is_refused(kind):
    with pytest.raises(OAuthError, match="form body"):
        parse(kind, b"a=b")


def test_a_charset_and_upper_case_do_no_harm():
    assert parse("Application/X-WWW-Form-Urlencoded; charset=UTF-8", b"a=b").one("a") == "b"


def test_a_form_does_not_show_its_secrets():
    assert "hidden" not in repr(parse(FORM, b"client_secret=hidden"))


ALLOWED = ("a", "b", "desk/use")


@given(st.text(max_size=12) | st.lists(st.sampled_from([*ALLOWED, "c"])).map(" ".join))
def test_scopes_never_exceed_what_is_allowed(value):
    form = Form({"scope": (value,)} if value else {})
    found, error = tried(asked.scopes, form, ALLOWED)
    if found is None:
        assert error == "invalid_scope"
    else:
        assert set(found) <= set(ALLOWED)
        assert found == (tuple(dict.fromkeys(value.split(" "))) if value else ALLOWED)


TARGETS = ("https://api.example.com/mcp", "urn:x:y", "name")


@given(
    st.lists(st.text(max_size=30) | st.sampled_from(TARGETS), max_size=3), st.sampled_from(sorted(REPEATABLE))
)
def test_targets_never_exceed_what_is_allowed(values, name):
    form = Form({name: tuple(values)} if values else {})
    found, error = tried(asked.targets, form, TARGETS)
    if found is None:
        assert error == "invalid_target"
    else:
        assert set(found) <= set(TARGETS)
        assert len(found) == len({asked.canonical(value) for value in values})


@pytest.mark.parametrize("resource", ["https://a.example/#part", "a.example", "https://a.example/é", "urn:"])
def test_a_resource_that_is_no_absolute_uri_is_refused_even_when_it_is_declared(resource):
    assert tried(asked.targets, Form({"resource": (resource,)}), [resource]) == (None, "invalid_target")
    assert tried(asked.targets, Form({"audience": (resource,)}), [resource]) == ((resource,), "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/x", "https://a.example/X"),
        ("https://a.example", "https://a.example/"),
        ("https://a.example", "https://a.example:443"),
        ("https://a.example/%41", "https://a.example/A"),
        ("https://U@a.example/", "https://u@a.example/"),
        ("http://a.example/", "https://a.example/"),
        ("name", "NAME"),
        ("urn:x:y", "urn:x:Y"),
    ],
)
def test_what_is_not_folded(one, other):
    assert asked.canonical(one) != asked.canonical(other)
