import pytest

from skerry.errors import ConfigurationError
from skerry.settings import WebSettings

SIGN_IN = {
    "SKERRY_WEB_ISSUER": "https://id.example/",
    "SKERRY_WEB_CLIENT_ID": "web",
    "SKERRY_WEB_CLIENT_SECRET": "very-secret",
}


def test_without_an_issuer_nobody_signs_in():
    assert WebSettings.from_env({}).issuer == ""


def test_a_sign_in_is_read_and_its_secret_stays_out_of_the_repr():
    settings = WebSettings.from_env(SIGN_IN)
    assert (settings.issuer, settings.client_id, settings.token) == ("https://id.example", "web", "access")
    assert "very-secret" not in repr(settings)


@pytest.mark.parametrize("missing", SIGN_IN)
def test_half_a_sign_in_is_an_error(missing: str):
    with pytest.raises(ConfigurationError, match=missing):
        WebSettings.from_env({name: value for name, value in SIGN_IN.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SKERRY_WEB_ISSUER", "http://id.example"),
        ("SKERRY_WEB_ISSUER", "ftp://127.0.0.1"),
        ("SKERRY_WEB_TOKEN", "refresh"),
        ("SKERRY_WEB_SCOPE", "profile"),
    ],
)
def test_values_that_cannot_work(name: str, value: str):
    with pytest.raises(ConfigurationError, match=name):
        WebSettings.from_env(SIGN_IN | {name: value})


def test_an_issuer_of_this_machine_may_be_plain_http():
    assert WebSettings.from_env(SIGN_IN | {"SKERRY_WEB_ISSUER": "http://127.0.0.1:9"}).issuer
