"""What a client says of its consent: any JSON is read or refused, and nothing that runs is a return URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.gateway.consent.options import MAX_URL, Options, is_return_url, read
from skerry.local.gateway.messages import McpError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NEAR = st.fixed_dictionaries(
    {
        "oauthCredentialProvider": st.fixed_dictionaries(
            {}, optional={"returnUrl": JSON, "forceAuthentication": JSON}
        )
    }
)


@given(JSON | NEAR)
def test_any_value_is_read_or_refused(value: object) -> None:
    try:
        found = read(value)
    except McpError as problem:
        assert problem.rpc_code == -32602
        return
    assert isinstance(found.force, bool)
    assert found.return_url == "" or is_return_url(found.return_url)


@pytest.mark.behaviour("CNS-OPTIONS")
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({}, Options()),
        ({"oauthCredentialProvider": {}}, Options()),
        ({"oauthCredentialProvider": {"returnUrl": "myapp:/done"}}, Options("myapp:/done")),
        ({"oauthCredentialProvider": {"forceAuthentication": True}}, Options(force=True)),
    ],
)
def test_what_is_left_out_is_the_targets_choice(value: object, found: Options) -> None:
    assert read(value) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc",
        "https://a b",
        "https://a\n",
        "https://" + "a" * MAX_URL,
    ],
)
def test_what_is_no_return_url(url: str) -> None:
    assert not is_return_url(url)
