"""Where codes may be sent: https, this machine, or an app's own scheme; and what a type of client may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.idp.clients.redirect_uris import application_type, kind
from skerry.idp.oauth_errors import OAuthError

GOOD = {
    "https://app.example/callback": "https",
    "https://app.example:8443/cb?x=1": "https",
    "https://xn--80ak6aa92e.example/cb": "https",
    "https://localhost:3000/cb": "loopback",
    "http://127.0.0.1:8080/cb": "loopback",
    "http://127.0.0.1/cb": "loopback",
    "http://localhost/cb": "loopback",
    "http://[::1]:9/cb": "loopback",
    "com.example.app:/callback": "private",
    "cursor://anysphere.cursor-retrieval/oauth/callback": "private",
    "vscode://vendor.extension/cb": "private",
}
BAD = [
    "",
    "callback",
    "/callback",
    "//app.example/cb",
    "http://app.example/cb",
    "http://10.0.0.1/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://localhost.evil.example/cb",
    "http://127.1/cb",
    "https://",
    "https:///cb",
    "https:cb",
    "https://app.example/cb#",
    "https://app.example/cb#x",
    "https://user@app.example/cb",
    "https://app.example@evil.example/cb",
    "https://app.example\\@evil.example/cb",
    "https://*.example/cb",
    "https://app.example/*",
    "https://app.example/a/../cb",
    "https://app.example/%2e%2E/cb",
    "https://app.example/c b",
    "https://app.example/\ncb",
    "https://app.ex\u00e4mple/cb",
    "https://app.example:/cb",
    "https://app.example:99999/cb",
    "https://app.example%2eevil/cb",
    "https://[::1/cb",
    'https://app.example/"onload=',
    "https://app.example/<script>",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://app.example/x",
    "about:blank",
    "mailto:a@b.example",
    "ws://app.example/cb",
    "com.example.app:",
    "https://app.example/" + "a" * 2048,
]


@pytest.mark.parametrize("uri", GOOD)
def test_a_redirect_uri_has_a_kind(uri):
    assert kind(uri) == GOOD[uri]


@pytest.mark.behaviour("IDP-DCR-REDIRECT")
@pytest.mark.parametrize("uri", BAD)
def test_a_redirect_uri_that_no_code_may_go_to_is_refused(uri):
    with pytest.raises(OAuthError) as caught:
        kind(uri)
    assert caught.value.error == "invalid_redirect_uri"
    assert "evil" not in caught.value.message, "what was sent is not repeated"


HTTPS, LOOPBACK, PRIVATE = "https://app.example/cb", "http://127.0.0.1/cb", "com.example.app:/cb"


@pytest.mark.behaviour("IDP-DCR-APPLICATION-TYPE")
@pytest.mark.parametrize(
    ("asked", "uris", "found"),
    [
        ("web", [HTTPS], "web"),
        ("native", [HTTPS, LOOPBACK, PRIVATE], "native"),
        ("native", [], "native"),
        ("", [HTTPS], "web"),
        ("", [LOOPBACK], "native"),
        ("", [HTTPS, PRIVATE], "native"),
        ("", [], "web"),
    ],
)
def test_the_application_type_goes_with_the_redirect_uris(asked, uris, found):
    assert application_type(asked, uris) == found


@pytest.mark.behaviour("IDP-DCR-APPLICATION-TYPE")
@pytest.mark.parametrize(
    "uris", [[LOOPBACK], [HTTPS, LOOPBACK], [PRIVATE], ["https://localhost/cb"], [HTTPS] * 17]
)
def test_a_web_client_has_https_sites_only(uris):
    with pytest.raises(OAuthError) as caught:
        application_type("web", uris)
    assert caught.value.error == "invalid_redirect_uri"


def test_every_uri_is_looked_at_and_not_only_the_first_local_one():
    with pytest.raises(OAuthError):
        application_type("native", [LOOPBACK, "javascript:alert(1)"])


@given(st.text(max_size=50) | st.text("htps:/@[].%2e#?*1\\", max_size=40).map("http".__add__))
def test_any_text_has_a_kind_or_is_refused(text):
    try:
        found = kind(text)
    except OAuthError as error:
        assert error.error == "invalid_redirect_uri"
    else:
        assert found in {"https", "loopback", "private"}
        assert text.isascii()
        assert not set(text) & set("#\\* \n\"'<>") - {"'"}
