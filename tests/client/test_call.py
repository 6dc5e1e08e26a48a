"""`skerry call` as a person runs it, against servers of both eras on real sockets and over stdio."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import MCPError

from skerry import cli
from skerry.auth.aws.sigv4 import check, presented
from skerry.client.problems import Refusals, problem
from skerry.errors import SignatureError
from tests.kit import stdio_server
from tests.kit.idp import CHAT, desk
from tests.kit.mcp_gateway import PNG, StandIn, gateway
from tests.kit.runtime import KEY_ID, SECRET

VERSIONS = {"modern": "2026-07-28", "legacy": "2025-11-25"}


@pytest.fixture(params=list(VERSIONS))
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stand_in(era: str) -> Iterator[StandIn]:
    with gateway(legacy=era == "legacy") as running:
        yield running


@pytest.fixture
def modern() -> Iterator[StandIn]:
    with gateway() as running:
        yield running


class Done:
    """What a command printed and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `skerry call` in this process, without a stack unless `state` is given."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SKERRY_"))]:
        monkeypatch.delenv(name)

    def run(*words: str, state: Path | None = None) -> Done:
        code = cli.main(["call", "--state", str(state or tmp_path / "none"), *words])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.mark.behaviour("CALL-LIST")
def test_a_listing_shows_era_tools_arguments_and_marks(call: Any, stand_in: StandIn, era: str):
    done = call(stand_in.url)
    assert done.code == 0
    assert f"MCP {VERSIONS[era]} · 12 tools" in done.err
    assert "accounts___change_email(account_id*: string, new_email*: string)  [destructive]" in done.out
    assert (
        "accounts___get_email(account_id*: string)  [read-only]\n    The e-mail address of an account."
        in done.out
    )


def test_a_listing_as_json_is_the_servers_own(call: Any, stand_in: StandIn, era: str):
    listing = call(stand_in.url, "list", "--json").json
    assert listing["protocolVersion"] == VERSIONS[era]
    (tool,) = [tool for tool in listing["tools"] if tool["name"] == "storage___wipe"]
    assert tool["inputSchema"]["properties"]["bucket"]["type"] == "string"


@pytest.mark.behaviour("CALL-TOOL")
@pytest.mark.parametrize("words", [('{"account_id": "12345"}',), ("account_id=12345",)])
def test_a_tool_is_called(call: Any, stand_in: StandIn, words: tuple[str, ...]):
    done = call(stand_in.url, "accounts___get_email", *words)
    assert (done.code, done.out) == (0, "user@example.com\n")


def test_a_picture_is_saved(call: Any, modern: StandIn):
    done = call(modern.url, "accounts___get_chart")
    found = re.search(r"picture saved: (\S+\.png)", done.out)
    assert found
    assert Path(found[1]).read_bytes() == PNG
    Path(found[1]).unlink()


def test_a_tool_that_fails_ends_with_1(call: Any, modern: StandIn):
    done = call(modern.url, "accounts___get_email", '{"account_id": "nobody"}', "--json")
    assert done.code == 1
    assert done.json["isError"] is True


@pytest.mark.behaviour("CALL-ARGUMENTS")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("accounts___get_email",), "account_id (string) is missing. accounts___get_email takes account_id (string)."),
        (("accounts___get_email", "acount_id=1"), "acount_id is no argument of it (did you mean account_id?)"),
        (("accounts___get_email", '{"account_id": 5}'), "account_id must be of type string"),
        (("accounts___get_mail", "account_id=1"), "Did you mean: accounts___get_email"),
        (("look",), "Did you mean: demo___look?"),
    ],
)  # fmt: skip
def test_a_call_that_does_not_fit_the_tool_is_told_what_fits(
    call: Any, stand_in: StandIn, words: tuple[str, ...], told: str
):
    done = call(stand_in.url, *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "[SKY-109]" in done.err
    assert "validation error" not in done.err
    said = call(stand_in.url, *words, "--json")
    assert (said.code, said.json["isError"]) == (1, True)


@pytest.mark.behaviour("CALL-ARGUMENTS")
def test_a_failure_of_the_tool_itself_stays_the_servers_word(call: Any, stand_in: StandIn):
    done = call(stand_in.url, "accounts___get_email", "account_id=nobody")
    assert (done.code, "nobody" in done.out, "SKY-109" in done.err) == (1, True, False)


@pytest.mark.behaviour("CALL-ELICIT")
def test_without_a_terminal_a_question_is_declined(call: Any, stand_in: StandIn):
    done = call(stand_in.url, "accounts___change_email", "account_id=12345", "new_email=new@example.com")
    assert stand_in.answers == ["decline"]
    assert stand_in.emails == {"12345": "user@example.com"}
    assert "Change the address of 12345" in done.err


@pytest.mark.behaviour("CALL-ELICIT")
def test_yes_confirms(call: Any, stand_in: StandIn):
    done = call(
        stand_in.url, "accounts___change_email", "account_id=12345", "new_email=new@example.com", "--yes"
    )
    assert done.code == 0
    assert stand_in.emails == {"12345": "new@example.com"}


@pytest.mark.behaviour("CALL-STDIO")
def test_a_stdio_server_is_started_with_its_own_words(call: Any):
    command = ("--", sys.executable, stdio_server.__file__, "--json", "-x")
    assert call("add", "first=1", "second=2", *command).out == "3\n"
    assert call("arguments", *command).out == "--json -x\n"
    assert "add(first*: integer, second*: integer)" in call("list", *command).out
    assert "add(" in call(*command).out


@pytest.mark.behaviour("CALL-PROBLEM")
def test_a_program_that_is_not_there_is_one_line(call: Any):
    done = call("list", "--", "no-such-program-anywhere")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "there is no such program" in done.err


@pytest.mark.behaviour("CALL-PROBLEM")
@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "does not say where one signs in"),
        (403, "--auth"),
        (404, "check the URL"),
        (406, "Accept"),
        (500, ""),
    ],
)
def test_a_refusal_is_one_line_with_the_next_move(call: Any, modern: StandIn, status: int, hint: str):
    modern.guard = lambda headers, body, path: (status, "go away")
    done = call(modern.url)
    assert done.code == 1
    assert status == 401 or f"HTTP {status}" in done.err
    assert status == 401 or "go away" in done.err
    assert hint in done.err
    assert done.err.count("\n") == 1


@pytest.mark.behaviour("CALL-PROBLEM")
def test_nobody_there_is_one_line(call: Any):
    done = call("http://127.0.0.1:9/mcp")
    assert done.code == 1
    assert "does not answer" in done.err
    assert done.err.count("\n") == 1


def test_an_unknown_tool_is_told_in_the_servers_words(call: Any, modern: StandIn):
    done = call(modern.url, "no_such_tool")
    assert done.code == 1
    assert "no_such_tool" in done.err + done.out


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("http://127.0.0.1:9/mcp", "tool", "{not json"),
        ("http://127.0.0.1:9/mcp", "tool", "word"),
        ("http://127.0.0.1:9/mcp", "list", "--header", "nothing"),
        ("http://127.0.0.1:9/mcp", "list", "--session", "short"),
        ("list", "--"),
    ],
)
def test_wrong_usage_ends_with_2(call: Any, words: tuple[str, ...]):
    assert call(*words).code == 2


def stack(folder: Path, url: str, **entry: Any) -> Path:
    known = {
        "endpoint": url.removesuffix("/mcp"),
        "region": "us-east-1",
        "access_key_id": KEY_ID,
        "secret_access_key": SECRET,
        "runtimes": {},
        "gateways": {"desk": {"arn": GATEWAY, "url": url, **entry}},
        "default_gateway": "desk",
        "realms": {},
    }
    folder.mkdir()
    (folder / "stack.json").write_text(json.dumps({**known, **entry.pop("more", {})}))
    return folder


GATEWAY = "arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/desk-0123456789"


def signed(headers: dict[str, str], body: bytes, path: str) -> tuple[int, str] | None:
    try:
        shown = presented("POST", path.encode(), b"", list(headers.items()))
        shown.require(service="bedrock-agentcore", region="us-east-1")
        check(shown, body, SECRET, now=time.time())
    except SignatureError as problem:
        return 403, str(problem)
    return None


@pytest.mark.behaviour("CALL-AUTH")
@pytest.mark.parametrize("target", ["desk", GATEWAY, ""])
def test_a_gateway_of_the_stack_is_signed_for(call: Any, modern: StandIn, tmp_path: Path, target: str):
    modern.guard = signed
    done = call(target or modern.url, "list", state=stack(tmp_path / "state", modern.url, auth="iam"))
    assert done.code == 0, done.err


@pytest.mark.behaviour("CALL-AUTH")
def test_a_gateway_with_tokens_gets_one_for_its_audience(call: Any, modern: StandIn, tmp_path: Path):
    with desk() as identity:
        client = {"secret": CHAT.secret, "grants": ["client_credentials"], "audiences": list(CHAT.audiences)}
        realms = {
            "desk": {"token_endpoint": identity.idp.token_endpoint("desk"), "clients": {"chat": client}}
        }
        state = stack(
            tmp_path / "state",
            modern.url,
            auth="jwt",
            realm="desk",
            audience="desk-gateway",
            more={"realms": realms},
        )
        assert call("desk", state=state).code == 0
        sent = modern.seen[0].headers["authorization"].removeprefix("Bearer ")
        assert identity.claims(sent)["aud"] == "desk-gateway"


@pytest.mark.behaviour("CALL-AUTH")
def test_a_strange_address_gets_neither_key_nor_token(
    call: Any, modern: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SKERRY_TOKEN", "mine")
    state = stack(tmp_path / "state", "http://127.0.0.1:9/mcp", auth="iam")
    assert call(modern.url, state=state).code == 0
    assert "authorization" not in modern.seen[0].headers
    assert call(modern.url, "--auth", "bearer", state=state).code == 0
    assert modern.seen[-1].headers["authorization"] == "Bearer mine"


def test_headers_and_session_travel(call: Any, modern: StandIn):
    session = str(uuid.uuid4())
    call(modern.url, "--header", "X-Tenant: acme", "--session", session)
    assert modern.seen[0].headers["x-tenant"] == "acme"
    assert modern.seen[0].headers["x-session-id"] == session


def test_the_older_era_on_request(call: Any, modern: StandIn):
    assert "MCP 2025-11-25" in call(modern.url, "--era", "legacy").err


@pytest.mark.behaviour("CALL-CLEAN")
def test_nothing_that_steers_a_terminal_is_printed(call: Any, modern: StandIn):
    modern.emails["x"] = "\x1b[2Jgone\x07"
    assert call(modern.url, "accounts___get_email", "account_id=x").out == "[2Jgone\n"


def test_the_command_is_there_as_a_program(modern: StandIn, tmp_path: Path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "skerry",
            "call",
            modern.url,
            "accounts___get_email",
            '{"account_id": "12345"}',
        ],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "user@example.com\n"), done.stderr


def test_an_unknown_tool_is_answered_with_the_way_to_the_known_ones() -> None:
    refused = MCPError(-32602, "Unknown tool: nope")
    assert problem(refused, "http://x", Refusals()).hint == "skerry call TARGET list shows its tools."
    assert problem(MCPError(-32602, "Other"), "http://x", Refusals()).hint == ""


async def test_a_refused_token_is_told_with_the_reason_of_the_challenge() -> None:
    refusals = Refusals()
    challenge = 'Bearer error="invalid_token", error_description="The token expired.", resource_metadata="x"'
    request = httpx2.Request("POST", "http://x")
    await refusals.keep(httpx2.Response(401, headers={"WWW-Authenticate": challenge}, request=request))
    told = problem(MCPError(-32001, "Invalid Bearer token"), "http://x", refusals)
    assert told.hint.startswith("The token expired. It wants a bearer token: use --auth browser")


def test_a_rate_limit_says_when_to_try_again() -> None:
    limited = MCPError(-32003, "Rate limit exceeded", {"retryAfter": 12})
    assert problem(limited, "http://x", Refusals()).hint == "Try again in 12 s."
