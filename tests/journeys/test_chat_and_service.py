"""A person at a terminal and the agent's web service, each a process of its own, over `--url`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.agent_service import Service, program
from tests.kit.bedrock import bedrock
from tests.kit.mcp_gateway import StandIn, gateway
from tests.kit.scripted_model import Say, Use
from tests.kit.terminal import Terminal, environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is needed")

WAIT = Use.one("demo___wait")


@pytest.fixture
def tools() -> Iterator[StandIn]:
    with gateway() as running:
        yield running
        running.release.set()


def chat(service: Service, home: Path, *arguments: str) -> Terminal:
    command = [sys.executable, "-m", "skerry", "chat", "--url", service.url, "--state", str(home / "none")]
    terminal = Terminal([*command, *arguments], environment(home), width=100, height=60)
    terminal.ready()
    return terminal


@pytest.mark.behaviour("CHAT-FORM")
def test_a_servers_form_reaches_the_person_and_goes_back(tools: StandIn, tmp_path: Path):
    with (
        bedrock([Use.one("demo___rate", thing="tea"), Say("Thank you.")]) as model,
        program(tmp_path, AWS_ENDPOINT_URL=model.url, SKERRY_GATEWAY_URL=tools.url) as (service, _),
        chat(service, tmp_path) as terminal,
    ):
        terminal.type("rate the tea\r")
        terminal.wait_for("How good is tea?")
        terminal.wait_for("integer, needed")
        terminal.wait_for("Stars:")
        terminal.type("many\r")
        terminal.wait_for("A whole number.")
        terminal.wait_for("Stars:")
        terminal.type("5\r")
        terminal.wait_for("may be empty")
        terminal.wait_for("Words:")
        terminal.type("warm\r")
        terminal.wait_for("Send it?")
        terminal.type("y\r")
        terminal.wait_for("Thank you.")
        assert '"stars": 5' in terminal.screen.text()
    assert tools.answers == ["accept"]


@pytest.mark.behaviour("CHAT-STOP")
@pytest.mark.behaviour("CHAT-CANCEL")
def test_ctrl_c_stops_the_agent_and_the_conversation_goes_on(tools: StandIn, tmp_path: Path):
    with (
        bedrock([WAIT, Say("Here again.")]) as model,
        program(tmp_path, AWS_ENDPOINT_URL=model.url, SKERRY_GATEWAY_URL=tools.url) as (service, _),
        chat(service, tmp_path) as terminal,
    ):
        terminal.type("wait for it\r")
        assert tools.entered.wait(30)
        terminal.wait_for("demo___wait …")
        terminal.type("\x03")
        terminal.wait_for("stopped.")
        terminal.ready()
        terminal.type("and now?\r")
        terminal.wait_for("Here again.")
        terminal.ready()  # the run has ended, not only its text
        (listed,) = service.get("/api/conversations").json()["conversations"]
        found = service.get(f"/api/conversations/{listed['id']}").json()
    assert found["run"] == ""


@pytest.mark.behaviour("CHAT-ATTACH")
@pytest.mark.behaviour("CHAT-RESUME")
def test_the_next_terminal_listens_to_the_answer_under_way(tools: StandIn, tmp_path: Path):
    with (
        bedrock([Say("First."), WAIT, Say("It was worth it.")]) as model,
        program(tmp_path, AWS_ENDPOINT_URL=model.url, SKERRY_GATEWAY_URL=tools.url) as (service, _),
    ):
        with chat(service, tmp_path) as terminal:
            terminal.ask("hello")
            terminal.type("wait for it\r")
            assert tools.entered.wait(30)
            terminal.wait_for("demo___wait …")
        page = tmp_path / "page.json"
        command = [sys.executable, "-m", "skerry", "chat", "--url", service.url, "--continue"]
        with Terminal([*command, "--export", str(page)], environment(tmp_path), height=60) as terminal:
            terminal.wait_for("> hello")
            terminal.wait_for("First.")
            terminal.wait_for("under way")
            tools.release.set()
            terminal.wait_for("It was worth it.")
            terminal.ready()
            terminal.type("\x04")
            assert terminal.ended() == 0
    assert "It was worth it." in page.read_text()
