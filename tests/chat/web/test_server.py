"""The page's server as others meet it, and its end. Its configuration files are as bad as they can be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from skerry.chat.web import server
from skerry.settings import WebSettings
from tests.kit.asgi_thread import serve
from tests.kit.desk_scripts import SCRIPTS
from tests.kit.scripted_agent import ScriptedAgent, app
from tests.kit.web_chat import WebChat, web_chat

pytestmark = pytest.mark.timeout(600)

HOSTILE = """
[server]
enableAgentApi = true
enableXsrfProtection = false
enableStaticServing = true
address = "0.0.0.0"
allowedHosts = ["*"]
[browser]
gatherUsageStats = true
[client]
showErrorDetails = "full"
"""
SECRETS = """
STOLEN_VARIABLE = "from-a-file"
[auth]
redirect_uri = "http://evil.example/oauth2callback"
cookie_secret = "known-to-everybody"
client_id = "evil"
client_secret = "evil"
server_metadata_url = "http://evil.example/.well-known/openid-configuration"
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebChat]:
    folder = tmp_path_factory.mktemp("web")
    for home in (folder / ".streamlit",):
        home.mkdir()
        (home / "config.toml").write_text(HOSTILE)
        (home / "secrets.toml").write_text(SECRETS)
    with ExitStack() as stack:
        service = stack.enter_context(serve(app(ScriptedAgent(SCRIPTS))))
        yield stack.enter_context(web_chat(folder, "--url", service))


def get(page: WebChat, path: str, **headers: str) -> httpx2.Response:
    return httpx2.get(page.url + path, headers=headers, timeout=60, trust_env=False)


@pytest.mark.behaviour("WEB-POLICY")
@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/static/none.js", "/_stcore/agent/openapi.json"])
def test_every_answer_carries_the_policy(page: WebChat, path: str):
    headers = get(page, path).headers
    policy = headers["content-security-policy"]
    for rule in (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ):
        assert rule in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.behaviour("WEB-LOOPBACK")
def test_another_host_name_is_refused(page: WebChat):
    assert get(page, "/", host="evil.example").status_code == 400
    assert get(page, "/").status_code == 200


@pytest.mark.behaviour("WEB-LOOPBACK")
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="listening addresses are read from /proc")
def test_it_listens_on_the_loopback_address_alone(page: WebChat):
    port = f"{urlsplit(page.url).port:04X}"
    lines = [line for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    listening = [fields[1] for line in lines if (fields := line.split())[3] == "0A"]
    assert [each for each in listening if each.endswith(f":{port}")] == [f"0100007F:{port}"]


@pytest.mark.behaviour("WEB-CLOSED")
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/_stcore/agent/interact"), ("POST", "/_stcore/agent/mcp")]
)
def test_the_agent_api_is_off(page: WebChat, method: str, path: str):
    answer = httpx2.request(
        method,
        page.url + path,
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code >= 400
    assert "not_available" in answer.text
    assert "server.enableAgentApi" in get(page, "/_stcore/agent/openapi.json").text


@pytest.mark.behaviour("WEB-CLOSED")
def test_what_the_files_say_does_not_matter():
    chosen = server.options(8501)
    assert chosen["browser.gatherUsageStats"] is False
    assert chosen["server.enableAgentApi"] is False
    assert chosen["server.enableXsrfProtection"] is True
    assert chosen["server.enableStaticServing"] is False
    assert chosen["server.address"] == "127.0.0.1"
    assert chosen["secrets.files"] == []
    assert chosen["server.cookieSecret"] != server.options(8501)["server.cookieSecret"]


def test_the_secrets_of_a_file_are_not_read(page: WebChat):
    """With the file's `auth` section the login route would send a browser to evil.example."""
    answer = get(page, "/auth/login?provider=x")
    assert "evil.example" not in str(answer.headers)
    environment = Path(f"/proc/{page.process.pid}/environ")
    if environment.exists():
        assert b"STOLEN_VARIABLE" not in environment.read_bytes()


def test_a_socket_from_another_origin_is_refused(page: WebChat):
    address = page.url.replace("http", "ws") + "/_stcore/stream"
    assert get(page, "/", origin="http://evil.example").status_code == 403
    assert get(page, "/", origin=page.url).status_code == 200
    with pytest.raises(InvalidStatus), connect(address, origin="http://evil.example", proxy=None):  # type: ignore[arg-type]
        pass
    with connect(address, origin=page.url, subprotocols=["streamlit"], proxy=None):  # type: ignore[arg-type,list-item]
        pass


@pytest.mark.behaviour("WEB-ENDS")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_without_failing(tmp_path: Path, number: signal.Signals):
    with web_chat(tmp_path, "--url", "http://127.0.0.1:9") as page:
        address = page.url.replace("http", "ws") + "/_stcore/stream"
        with connect(address, origin=page.url, subprotocols=["streamlit"], proxy=None):  # type: ignore[arg-type,list-item]
            page.process.send_signal(number)
            assert page.process.wait(60) == 0


def skerry_web(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "skerry", "web", "--json", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "SKERRY_STATE": str(folder / "state"), **env},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_taken_port_is_an_error_with_its_code(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = skerry_web(tmp_path, "--port", str(taken.getsockname()[1]), "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"]["code"] == "SKY-103"


def test_without_a_stack_it_says_so_before_it_starts(tmp_path: Path):
    done = skerry_web(tmp_path, "--port", "0")
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"]["code"] == "SKY-106"


def test_the_secrets_of_a_sign_in_are_handed_over_in_memory():
    settings = WebSettings(issuer="https://id.example", client_id="web", client_secret="s3cret")
    auth = server.sign_in(settings, 8501, "cookie")["auth"]
    assert auth["redirect_uri"] == "http://127.0.0.1:8501/oauth2callback"
    assert auth["server_metadata_url"] == "https://id.example/.well-known/openid-configuration"
    assert auth["expose_tokens"] == ["access"]
    assert server.sign_in(WebSettings(), 8501, "cookie") == {}


@pytest.mark.parametrize("closed", [True, False])
def test_a_tab_closed_while_something_is_sent_is_no_error(closed: bool):
    """Streamlit's own reading goes on after the failed sending, and fails as Starlette has it fail."""

    async def streamlit(_scope: Any, _receive: Any, send: Any) -> None:
        with contextlib.suppress(OSError):
            await send({"type": "websocket.send", "bytes": b"delta"})
        raise RuntimeError("WebSocket is not connected")

    async def wire(_message: Any) -> None:
        if closed:
            raise BrokenPipeError

    visit = server.Guarded(streamlit)({"type": "websocket", "headers": []}, no_message, wire)
    with contextlib.nullcontext() if closed else pytest.raises(RuntimeError):
        asyncio.run(visit)


async def no_message() -> Any:
    """A client that says nothing."""
    await asyncio.Event().wait()
