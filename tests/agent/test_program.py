"""The program as a runtime starts it: a process with an environment, Bedrock by its wire, real tokens."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from skerry.agent.sources import gateway_tokens
from skerry.errors import SkerryError
from skerry.idp import TOKEN_EXCHANGE, Client, Realm
from skerry.settings import AgentSettings
from tests.agent.conftest import Start
from tests.kit.agent_client import Asking, error, interrupts, said
from tests.kit.bedrock import bedrock
from tests.kit.idp import CHAT, Desk, desk
from tests.kit.mcp_gateway import StandIn
from tests.kit.scripted_model import Fail, Say, Use

AGENT = Client(
    id="agent",
    secret="secret of agent",
    grants=("client_credentials", TOKEN_EXCHANGE),
    audiences=("desk-gateway",),
    own_audiences=("desk-runtime",),
    may_exchange=("desk-gateway",),
)

# uvicorn on a free port instead of the contract's 8080, which two tests cannot share.
PROGRAM = """
import runpy, socket, sys, uvicorn
program = runpy.run_path(sys.argv[1], run_name="agent")
bound = socket.socket(); bound.bind(("127.0.0.1", 0)); bound.listen()
print(bound.getsockname()[1], flush=True)
uvicorn.Server(
    uvicorn.Config(program["app"], log_level="critical", timeout_graceful_shutdown=1)
).run(sockets=[bound])
"""


@pytest.fixture(scope="module")
def identity() -> Iterator[Desk]:
    with desk(Realm(name="desk", clients={"chat": CHAT, "agent": AGENT})) as running:
        yield running


@contextlib.contextmanager
def program(home: Path, **variables: str) -> Iterator[Asking]:
    """`skerry.desk.agent` in a process of its own, with these variables and no others."""
    import skerry.desk

    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-role",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
    }
    script = str(Path(skerry.desk.__file__).with_name("agent.py"))
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, script], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield Asking(f"http://127.0.0.1:{int(process.stdout.readline())}", process=process)
    finally:
        process.kill()
        process.communicate(timeout=20)


@pytest.mark.behaviour("AGENT-WIRE")
def test_the_program_walks_from_bedrock_to_the_gateway(modern: StandIn, tmp_path: Path):
    change = Use.one("accounts___change_email", account_id="12345", new_email="mynew@email.com")
    turns = [change, Say("Done.", thought="It went well."), Fail(RuntimeError("no model for you"))]
    with bedrock(turns) as model:
        where = {
            "AWS_ENDPOINT_URL": model.url,
            "SKERRY_GATEWAY_URL": modern.url,
            "SKERRY_MODEL_ID": "local-router",
        }
        with program(tmp_path, **where) as asking:
            assert httpx2.get(f"{asking.url}/ping").json()["status"] == "Healthy"
            (interrupt,) = interrupts(asking.ask("Change it"))
        with program(tmp_path, **where) as again:
            again.session = asking.session
            assert said(again.answer(interrupt["id"], {"approved": True})) == "Done."
            code, text = error(again.ask("And now?"))
    assert modern.emails == {"12345": "mynew@email.com"}
    assert (code, "no model for you" in text) == ("MODEL_ERROR", True)
    path, headers, body = model.asked[0]
    assert path == "/model/local-router/converse-stream"
    assert "/us-east-1/bedrock/aws4_request" in headers["authorization"]
    assert "accounts___get_email" in json.dumps(body["toolConfig"])
    kept = tmp_path / ".skerry" / "conversations.db"
    assert kept.exists()
    if sys.platform != "win32":
        assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.behaviour("AGENT-EXCHANGE")
def test_the_token_for_the_gateway_names_the_caller_and_the_gateways_audience(
    start: Start, modern: StandIn, identity: Desk
):
    settings = AgentSettings(
        discovery_url=f"{identity.idp.issuers['desk']}/.well-known/openid-configuration",
        client_id=AGENT.id,
        client_secret="secret of agent",
    )
    token = identity.token("chat", audience="desk-runtime")
    tokens = gateway_tokens(settings)
    asking = start([Say("ok")], gateway_url=modern.url, gateway_auth="auto", tokens=tokens)
    asking.headers = {"Authorization": f"Bearer {token}"}
    asking.ask("hi")
    (sent,) = {item.headers["authorization"] for item in modern.seen}
    claims = identity.claims(sent.removeprefix("Bearer "))
    assert claims["sub"] == "chat"
    assert claims["aud"] in ("desk-gateway", ["desk-gateway"])


async def test_without_a_client_a_token_is_not_passed_on():
    with pytest.raises(SkerryError, match="SKERRY_CLIENT_ID"):
        await gateway_tokens(AgentSettings())("a-callers-token")
