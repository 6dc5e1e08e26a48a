"""The accounts API as a process, over a real socket, with tokens of a real identity provider."""

import contextlib
import json
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import uuid

import pytest

from skerry.auth.challenge import parse
from tests.kit.accounts_api import command, environment, running_api
from tests.kit.idp import SECRETS
from tests.kit.traced import CALLER, SENT, TRACE


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_health_needs_no_token(ask):
    answer = ask("GET", "/health", headers={})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_an_account(ask):
    assert ask("GET", "/accounts/12345").json() == {
        "id": "12345",
        "holder": "Ada Byron",
        "email": "user@example.com",
        "opened": "2021-03-04",
    }


def test_its_address(ask):
    answer = ask("GET", "/accounts/12345/email")
    assert answer.json() == {"id": "12345", "email": "user@example.com"}
    assert answer.headers["cache-control"] == "no-store"


def test_its_activity_and_that_of_the_tenant(ask):
    one = ask("GET", "/accounts/12345/activity").json()
    assert one["activity"][0] == {"month": "2025-11", "payments": 14}
    assert len(one["activity"]) == 12
    everything = ask("GET", "/activity").json()
    assert everything["tenant"] == "acme"
    assert everything["activity"][0] == {"month": "2025-11", "payments": 14 + 8 + 3}
    other = ask("GET", "/activity", tenant="globex").json()
    assert other["activity"][0] == {"month": "2025-11", "payments": 46}


def changes(ask, account="20001"):
    return ask("GET", f"/accounts/{account}/changes").json()["changes"]


@pytest.mark.behaviour("ACC-AUDIT")
def test_a_change_is_written_down_with_who_did_it(ask, token):
    before = ask("GET", "/accounts/20001").json()["email"]
    new = f"{uuid.uuid4().hex}@example.com"
    chain = {"act": {"sub": "accounts", "act": {"sub": "gateway"}}, "tenant_id": "acme"}
    answer = ask(
        "PUT",
        "/accounts/20001/email",
        headers=bearer(token(claims=chain)),
        content=json.dumps({"email": new}),
    )
    assert answer.json() == {"id": "20001", "email": new, "previous": before, "changed": True}
    assert ask("GET", "/accounts/20001/email").json()["email"] == new
    latest = changes(ask)[0]
    assert (latest["subject"], latest["client"]) == ("ada", "chat")
    assert latest["actors"] == ["accounts", "gateway"]
    assert (latest["old"], latest["new"]) == (before, new)
    assert latest["at"] > 1_700_000_000


def test_the_same_address_again_is_no_change(ask):
    count = len(changes(ask))
    email = ask("GET", "/accounts/20001/email").json()["email"]
    assert ask("PUT", "/accounts/20001/email", json={"email": email}).json()["changed"] is False
    assert len(changes(ask)) == count


@pytest.mark.behaviour("ACC-APPROVAL-ONCE")
def test_an_approval_is_good_for_one_change(ask, token):
    key = {"Idempotency-Key": "approval-0123456789", **bearer(token())}
    first, second = f"{uuid.uuid4().hex}@example.com", f"{uuid.uuid4().hex}@example.com"
    assert ask("PUT", "/accounts/20001/email", headers=key, json={"email": first}).status_code == 200
    for email in (second, first):
        again = ask("PUT", "/accounts/20001/email", headers=key, json={"email": email})
        assert (again.status_code, again.json()["error"]) == (409, "approval_used")
    assert ask("GET", "/accounts/20001/email").json()["email"] == first
    assert ask("PUT", "/accounts/20001/email", headers={**key, "Idempotency-Key": "short"}).status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_request"),
        (b"{", 400, "invalid_request"),
        (b"[" * 3000, 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        (b"{}", 400, "invalid_request"),
        (b'{"email": "a@example.com", "tenant": "globex"}', 400, "invalid_request"),
        (b'{"email": 7}', 422, "invalid_email"),
        (b'{"email": "nobody"}', 422, "invalid_email"),
        (b'{"email": "a@example.com\\nBcc: x@example.com"}', 422, "invalid_email"),
        (b'{"email": "' + b"x" * 5000 + b'"}', 413, "too_large"),
    ],
)
def test_a_wrong_body_changes_nothing(ask, body, status, code):
    count = len(changes(ask))
    answer = ask("PUT", "/accounts/20001/email", content=body)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert len(changes(ask)) == count


@pytest.mark.behaviour("ACC-TENANT")
@pytest.mark.parametrize("path", ["", "/email", "/activity", "/changes"])
def test_an_account_of_another_tenant_is_one_that_nobody_has(ask, path):
    other = ask("GET", f"/accounts/77001{path}")
    nobody = ask("GET", f"/accounts/99999{path}")
    assert (other.status_code, nobody.status_code) == (404, 404)
    assert other.text.replace("77001", "99999") == nobody.text
    assert ask("GET", f"/accounts/77001{path}", tenant="globex").status_code == 200


@pytest.mark.behaviour("ACC-TENANT")
def test_nobody_changes_an_account_of_another_tenant(ask):
    answer = ask("PUT", "/accounts/77002/email", json={"email": "thief@example.com"})
    assert answer.status_code == 404
    assert ask("GET", "/accounts/77002", tenant="globex").json()["email"] == "emmy@example.net"


@pytest.mark.behaviour("ACC-HEADERS-IGNORED")
def test_headers_that_claim_a_tenant_or_a_token_mean_nothing(ask, token):
    claimed = {"X-TENANT-ID": "globex", "X-JWT-TOKEN": token("globex")}
    with_token = {**claimed, **bearer(token("acme"))}
    assert ask("GET", "/accounts/77001", headers=with_token).status_code == 404
    assert ask("GET", "/activity", headers=with_token).json()["tenant"] == "acme"
    assert ask("GET", "/accounts/77001", headers=claimed).status_code == 401


@pytest.mark.parametrize("identifier", ["12345'--", "..%2F12345", "%00", "x" * 33, "1 2"])
def test_odd_ids_are_not_found(ask, identifier):
    assert ask("GET", f"/accounts/{identifier}/email").status_code == 404


@pytest.mark.behaviour("ACC-401")
def test_without_a_token_the_challenge_has_no_error_code(ask, api):
    answer = ask("GET", "/accounts/12345", headers={})
    challenge = parse(answer.headers["www-authenticate"])
    assert answer.status_code == 401
    assert challenge.error == ""
    assert challenge.scopes == ("desk/use",)
    assert challenge.resource_metadata == f"{api.url}/.well-known/oauth-protected-resource"


@pytest.mark.behaviour("ACC-401")
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"audiences": ("accounts",)}, "aud"),
        ({"audiences": ("desk-gateway",)}, "aud"),
        ({"lifetime": -3600}, "expired"),
    ],
)
def test_a_token_that_does_not_hold_is_401_invalid_token(ask, token, changes, says):
    answer = ask("GET", "/accounts/12345", headers=bearer(token(**changes)))
    challenge = parse(answer.headers["www-authenticate"])
    assert (answer.status_code, challenge.error) == (401, "invalid_token")
    assert says in challenge.description


@pytest.mark.behaviour("ACC-401")
def test_other_kinds_of_credentials_are_refused(ask, idp, token):
    claims = {"tenant_id": "acme"}
    id_token = idp.id_token("desk", "chat", audiences=("accounts-api",), claims=claims)
    pool = idp.access_token("pool", "chat", claims=claims)
    good = token()
    for wrong in (id_token, pool, "garbage", "a.b.c", good[:-3] + "abc", good.rpartition(".")[0] + "."):
        answer = ask("GET", "/accounts/12345", headers=bearer(wrong))
        assert answer.status_code == 401, wrong[:20]
        assert wrong not in answer.text + answer.headers["www-authenticate"]
    basic = ask("GET", "/accounts/12345", headers={"Authorization": "Basic YTpi"})
    assert basic.status_code == 401
    for query in (f"access_token={good}", f"a=1&access%5Ftoken={good}"):
        for headers in ({}, bearer(good)):
            refused = ask("GET", f"/accounts/12345?{query}", headers=headers)
            assert refused.status_code == 400
            assert parse(refused.headers["www-authenticate"]).error == "invalid_request"
            assert good not in refused.text
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"access_token={good}"
    assert ask("PUT", "/accounts/12345/email", headers=form, content=body).status_code == 401


@pytest.mark.behaviour("GRD-MALFORMED-REQUEST")
def test_two_credentials_at_once_are_a_malformed_request(api, http, token):
    headers = [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token('globex')}")]
    answer = http.get(f"{api.url}/accounts/12345", headers=headers)
    assert answer.status_code == 400
    assert parse(answer.headers["www-authenticate"]).error == "invalid_request"


@pytest.mark.behaviour("ACC-403")
def test_a_missing_scope_is_403_and_named(ask, token):
    answer = ask("GET", "/accounts/12345", headers=bearer(token(scopes=("desk/other",))))
    challenge = parse(answer.headers["www-authenticate"])
    assert (answer.status_code, challenge.error) == (403, "insufficient_scope")
    assert challenge.scopes == ("desk/use",)


@pytest.mark.behaviour("GRD-SCOPES-AT-ONCE")
@pytest.mark.behaviour("GRD-SCOPE-HIERARCHY")
@pytest.mark.behaviour("GRD-OFFLINE-ACCESS")
def test_a_change_needs_both_scopes_in_one_challenge_and_a_broader_one_does(idp, http, token, tmp_path):
    variables = {
        "ACCOUNTS_READ_SCOPE": "accounts/read",
        "ACCOUNTS_WRITE_SCOPE": "accounts/write",
        "ACCOUNTS_SCOPES_INCLUDE": "accounts=accounts/read,accounts/write offline_access=accounts",
    }
    with running_api(tmp_path / "a.sqlite", idp.issuers["desk"], variables=variables) as api:

        def put(*scopes):
            body = {"email": "new@example.com"}
            return http.put(
                f"{api.url}/accounts/12345/email", json=body, headers=bearer(token(scopes=scopes))
            )

        for lacking in ((), ("accounts/read",), ("accounts/write",), ("accounts/",)):
            answer = put(*lacking)
            challenge = parse(answer.headers["www-authenticate"])
            assert (answer.status_code, challenge.scopes) == (403, ("accounts/read", "accounts/write"))
        assert put("accounts").status_code == put("accounts/read", "accounts/write").status_code == 200
        read = http.get(f"{api.url}/accounts/12345", headers=bearer(token(scopes=("accounts/write",))))
        assert parse(read.headers["www-authenticate"]).scopes == ("accounts/read",)
        document = http.get(f"{api.url}/.well-known/oauth-protected-resource").json()
        assert document["scopes_supported"] == ["accounts/read", "accounts/write"]


@pytest.mark.behaviour("GRD-ORIGIN")
def test_a_page_from_elsewhere_is_refused(ask, token):
    for origin in ("https://evil.example", "null"):
        answer = ask("GET", "/accounts/12345", headers={"Origin": origin, **bearer(token())})
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden_origin")


@pytest.mark.behaviour("ACC-TENANT")
@pytest.mark.parametrize("claims", [{}, {"tenant_id": ""}, {"tenant_id": ["acme"]}, {"tenant_id": None}])
def test_a_token_without_a_tenant_sees_nothing(ask, token, claims):
    answer = ask("GET", "/activity", headers=bearer(token(claims=claims)))
    assert (answer.status_code, answer.json()["error"]) == (403, "no_tenant")


@pytest.mark.behaviour("ACC-METADATA")
def test_the_metadata_names_the_issuer(ask, api, idp):
    assert ask("GET", "/.well-known/oauth-protected-resource", headers={}).json() == {
        "resource": api.url,
        "authorization_servers": [idp.issuers["desk"]],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["desk/use"],
    }


def test_unknown_routes_and_methods_are_json(ask):
    assert ask("GET", "/nothing").json() == {"error": "not_found", "message": "Not Found."}
    assert ask("DELETE", "/accounts/12345").status_code == 405


def test_a_foreign_host_name_is_refused(ask, token):
    answer = ask("GET", "/accounts/12345", headers={"Host": "evil.example", **bearer(token())})
    assert answer.status_code == 400


@pytest.mark.behaviour("ACC-HOP")
def test_every_call_leaves_a_hop(ask, api, idp, token):
    session = f"session-{uuid.uuid4()}"
    claims = {"tenant_id": "acme", "act": {"sub": "accounts", "act": {"sub": "gateway"}}}
    headers = {**bearer(token(claims=claims)), "X-Session-ID": session}
    ask("GET", "/accounts/12345/email", headers={**headers, **SENT})
    ask("GET", "/accounts/12345/email", headers={"X-Session-ID": session})
    good, bad = api.hops(session, 2)
    assert (good.part, good.operation, good.auth, good.status) == ("accounts-api", "GET email", "jwt", 200)
    assert good.identity == f"ada@{idp.issuers['desk']}"
    assert good.detail == {"tenant": "acme", "client": "chat", "act": "accounts < gateway"}
    assert (bad.identity, bad.auth, bad.status) == ("anonymous", "none", 401)
    assert ((good.trace, good.parent), bad.parent) == ((TRACE, CALLER), "")


@pytest.mark.behaviour("ACC-GENERATE-TOKEN")
def test_generate_token_is_off_and_says_so(ask):
    answer = ask("GET", "/generate-token", headers={})
    assert answer.status_code == 404
    assert "is off" in answer.json()["message"]


@pytest.mark.behaviour("ACC-GENERATE-TOKEN")
def test_generate_token_asks_the_identity_provider(idp, http, tmp_path):
    variables = {
        "ACCOUNTS_GENERATE_TOKEN": "1",
        "ACCOUNTS_CLIENT_ID": "gateway",
        "ACCOUNTS_CLIENT_SECRET": SECRETS["gateway"],
        "ACCOUNTS_AUDIENCE": "accounts",
        "ACCOUNTS_READ_SCOPE": "",
    }
    with running_api(tmp_path / "a.sqlite", idp.issuers["desk"], variables=variables) as api:
        answer = http.get(f"{api.url}/generate-token")
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert 0 < body["expires_in"] <= 3600
        seen = http.get(f"{api.url}/activity", headers=bearer(body["token"]))
        assert seen.json()["tenant"] == "the gateway's own"
        assert any("/generate-token is on" in line for line in api.lines)
        assert SECRETS["gateway"] not in "\n".join(api.lines)


def test_changes_survive_a_restart_and_the_file_is_private(idp, http, token, tmp_path):
    database = tmp_path / "state" / "accounts.sqlite"
    with running_api(database, idp.issuers["desk"]) as api:
        changed = http.put(
            f"{api.url}/accounts/12345/email", json={"email": "kept@example.com"}, headers=bearer(token())
        )
        assert changed.status_code == 200
        if sys.platform != "win32":
            assert stat.S_IMODE(database.stat().st_mode) == 0o600
            assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700
        with contextlib.closing(sqlite3.connect(database)) as db:
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with running_api(database, idp.issuers["desk"]) as api:
        kept = http.get(f"{api.url}/accounts/12345/email", headers=bearer(token()))
        assert kept.json()["email"] == "kept@example.com"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0(idp, tmp_path, number):
    with running_api(tmp_path / "a.sqlite", idp.issuers["desk"]) as api:
        api.process.send_signal(number)
        assert api.process.wait(10) == 0


def test_the_end_of_standard_input_ends_it_when_asked(idp, tmp_path):
    with running_api(tmp_path / "a.sqlite", idp.issuers["desk"], "--watch-stdin") as api:
        assert api.process.stdin is not None
        api.process.stdin.close()
        assert api.process.wait(10) == 0


def test_an_issuer_that_does_not_answer_lets_nobody_in(http, token, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{nobody.getsockname()[1]}/desk"
        with running_api(tmp_path / "a.sqlite", issuer) as api:
            answer = http.get(f"{api.url}/accounts/12345", headers=bearer(token()))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


@pytest.mark.parametrize(
    ("variables", "code", "says"),
    [
        ({}, 2, "Set ACCOUNTS_ISSUER"),
        ({"PORT": "many"}, 2, "Check PORT"),
        ({"ACCOUNTS_SCOPES_INCLUDE": "a"}, 2, "ACCOUNTS_SCOPES_INCLUDE"),
        ({"ACCOUNTS_ISSUER": "http://127.0.0.1:1/x", "PORT": "99999"}, 1, "port 99999 cannot be used"),
        ({"ACCOUNTS_ISSUER": "http://127.0.0.1:1/x", "ACCOUNTS_DATABASE": "."}, 1, "ACCOUNTS_DATABASE"),
        ({"ACCOUNTS_ISSUER": "http://127.0.0.1:1/x", "ACCOUNTS_SEED": "none.toml"}, 2, "cannot be read"),
        ({"ACCOUNTS_ISSUER": "http://127.0.0.1:1/x", "ACCOUNTS_GENERATE_TOKEN": "1"}, 2, "needs a client"),
    ],
)
def test_what_cannot_start_says_why_in_one_line(tmp_path, variables, code, says):
    env = environment(**{"ACCOUNTS_DATABASE": str(tmp_path / "a.sqlite"), **variables})
    done = subprocess.run(
        command(), env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == code
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
