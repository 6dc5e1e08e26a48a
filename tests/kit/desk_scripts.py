"""What the scripted agent of the web chat's tests says: one script for each thing that a page must draw."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageDraw

from tests.kit.scripted_agent import USAGE, Event, Gate, Script, Step, approval, call, result, text, thinking

INSTANCES = {
    "items": [
        {"id": "i-0a1b2c3d4e5f60718", "name": "web-1", "type": "t3.medium", "state": "running", "cpu": 23.5},
        {"id": "i-0a1b2c3d4e5f60719", "name": "web-2", "type": "t3.medium", "state": "running", "cpu": 41.0},
        {"id": "i-0a1b2c3d4e5f6071a", "name": "batch", "type": "c7g.large", "state": "stopped", "cpu": 0.0},
        {"id": "i-0a1b2c3d4e5f6071b", "name": "bastion", "type": "t4g.nano", "state": "running", "cpu": 1.2},
    ],
    "count": 4,
    "truncated": False,
    "region": "us-east-1",
    "account": "123456789012",
}
WORKSPACE = {"organization": "example", "name": "network-prod", "auto_apply": False}
FORM = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "title": "Reason", "minLength": 3},
        "priority": {"type": "string", "title": "Priority", "enum": ["low", "high"]},
        "count": {"type": "integer", "title": "How many", "minimum": 1, "maximum": 5, "default": 2},
        "notify": {"type": "boolean", "title": "Tell the team"},
    },
    "required": ["reason", "priority"],
}


def chart() -> str:
    """A bar chart as base64 of a PNG."""
    picture = Image.new("RGB", (640, 300), "white")
    pen = ImageDraw.Draw(picture)
    for index, (height, colour) in enumerate(
        ((110, "#0f6b63"), (190, "#2a9187"), (150, "#64b5ac"), (60, "#a8d5cf"), (220, "#0b5d8a"))
    ):
        left = 60 + index * 112
        pen.rectangle((left, 260 - height, left + 72, 260), fill=colour)
    pen.line((40, 260, 620, 260), fill="#17211f", width=2)
    held = io.BytesIO()
    picture.save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()


def hello(_step: Step) -> Iterator[Event | Gate]:
    yield from thinking("Somebody greets me; I greet back.")
    yield from text("Hello! I look after **accounts** and your cloud. A price is $5 and another is $6.")


def slow(step: Step) -> Iterator[Event | Gate]:
    yield from text("The first part is here.")
    yield Gate(step.prompt)
    yield from text("The second part came later.")


def table(_step: Step) -> Iterator[Event | Gate]:
    yield from thinking("EC2 has the answer.")
    yield from call(
        "c-table", "ec2_read_operations", {"operation": "describe_instances", "region": "us-east-1"}
    )
    yield result("c-table", {"type": "json", "json": INSTANCES})
    yield from text("Three of your **four instances** run. `batch` is stopped, and `web-2` is the busiest.")


def draw(_step: Step) -> Iterator[Event | Gate]:
    yield from call("c-chart", "accounts___balance_chart", {"months": 5})
    yield result("c-chart", {"type": "image", "mimeType": "image/png", "data": chart()})
    yield from text("The balances of the last five months.")


def create(step: Step) -> Iterator[Event | Gate]:
    if not step.replies:
        yield from text("I need your confirmation for that.")
        yield from call("c-create", "terraform___create_workspace", WORKSPACE)
        interrupts = [approval("c-create", "terraform___create_workspace", WORKSPACE)]
        yield {
            "type": "RUN_FINISHED",
            "outcome": {"type": "interrupt", "interrupts": interrupts},
            "usage": USAGE,
        }
        return
    if step.replies["c-create"]["approved"]:
        yield result("c-create", {"type": "json", "json": {"id": "ws-123", "name": "network-prod"}})
        yield from text("The workspace **network-prod** exists now.")
    else:
        yield result("c-create", {"type": "text", "text": "The person said no."}, error=True)
        yield from text("Nothing was created.")


def both(step: Step) -> Iterator[Event | Gate]:
    names = ("c-one", "c-two")
    if not step.replies:
        for name in names:
            yield from call(name, "close_account", {"account": name})
        found = [approval(name, "close_account", {"account": name}) for name in names]
        yield {"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": found}}
        return
    for name in names:
        done = step.replies[name]["approved"]
        yield result(name, {"type": "text", "text": "closed" if done else "kept"}, error=not done)
    yield from text("Both are settled.")


def form(step: Step) -> Iterator[Event | Gate]:
    if not step.replies:
        yield from call("c-form", "open_ticket", {})
        found: dict[str, Any] = approval("c-form", "open_ticket", {}) | {
            "reason": "elicitation",
            "message": "What is the ticket about?",
            "responseSchema": FORM,
        }
        yield {"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": [found]}}
        return
    reply = step.replies["c-form"]
    yield result("c-form", {"type": "json", "json": reply})
    yield from text(
        f"Ticket opened: {reply['content']['reason']}" if reply["approved"] else "No ticket then."
    )


def picture(step: Step) -> Iterator[Event | Gate]:
    address = step.prompt.split()[1]
    yield from thinking(f"![t]({address}/thought.png)")
    yield from call("c-picture", f"![n]({address}/name.png)", {"a": f"![a]({address}/argument.png)"})
    yield result("c-picture", {"type": "json", "json": [{"x": f"![c]({address}/cell.png)"}]})
    yield result("c-picture", {"type": "text", "text": f"![r]({address}/result.png)"})
    yield from text(
        f"Look: ![one]({address}/one.png) and ![two][ref] and <img src='{address}/three.png'>\n\n"
        f"[![four]({address}/four.png)]({address}/link)\n\n[ref]: {address}/two.png\n\n"
        f'```mermaid\nflowchart LR\n  A@{{ img: "{address}/five.png", label: "x" }}\n```\n\n'
        f"~~~\n`` ![code]({address}/code.png) ``\n~~~\n\n> ![six]({address}/six.png)\n\nThat was all."
    )


def fail(_step: Step) -> Iterator[Event | Gate]:
    yield from text("I begin, and then")
    yield {"type": "RUN_ERROR", "code": "MODEL_ERROR", "message": "the model is *not* there."}


SCRIPTS: dict[str, Script] = {
    "hello": hello,
    "slow": slow,
    "table": table,
    "chart": draw,
    "create": create,
    "both": both,
    "form": form,
    "picture": picture,
    "fail": fail,
}
