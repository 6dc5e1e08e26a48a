"""People and a provider in a process of its own, as the stack starts it."""

from __future__ import annotations

import signal

import httpx2
import pytest

from skerry.idp import load
from skerry.idp.visitor import Person, sign_in
from skerry.wire.hop import decode
from tests.idp.test_process import running

CONFIG = """
[realms.home.users.ann]
password = "hidden-password"

[realms.home.clients.app]
secret = "hidden-secret"
grants = ["authorization_code", "refresh_token"]
redirect_uris = ["http://127.0.0.1/callback"]
scopes = ["openid", "desk/use"]
audiences = ["desk-gateway"]
"""


@pytest.mark.behaviour("IDP-PEOPLE-PROCESS")
def test_a_sign_in_outlives_a_restart_and_leaves_no_secret_behind(tmp_path):
    config = tmp_path / "realms.toml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    client = load(config)[0].clients["app"]
    said, hops, hidden = "", [], ["hidden-password", "hidden-secret"]
    with running(config) as (process, ready):
        base = f"{ready['issuers']['home']}/oauth2"
        tokens = sign_in(f"{base}/authorize", f"{base}/token", client, Person("ann", "hidden-password"), {})
        said += ended(process)
    with running(config, "--port", str(ready["port"])) as (process, _):
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        renewed = httpx2.post(f"{base}/token", data=form, auth=("app", "hidden-secret"), trust_env=False)
        assert renewed.status_code == 200, renewed.text
        said += ended(process)
    hops = [hop for line in said.splitlines() if (hop := decode(line)) is not None]
    assert [hop.operation for hop in hops] == [
        *("authorize", "sign-in", "authorize", "consent", "authorization_code"),
        "refresh_token",
    ]
    kept = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
    for secret in (*hidden, *tokens.values(), *renewed.json().values()):
        if isinstance(secret, str) and secret not in ("Bearer", tokens["scope"]):
            assert secret not in said
            assert secret.encode() not in kept


@pytest.mark.behaviour("IDP-APPROVE")
def test_a_process_that_approves_by_itself_says_so(tmp_path):
    config = tmp_path / "realms.toml"
    config.write_text(f'[realms.home]\napprove = "ann"\n{CONFIG}')
    config.chmod(0o600)
    with running(config) as (process, _):
        assert "realm home approves every sign-in as ann without asking" in ended(process)


def ended(process) -> str:
    """What the process said on standard error, once it was told to end."""
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=30)[1]
