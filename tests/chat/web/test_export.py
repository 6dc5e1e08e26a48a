import json

import pytest
from markdown_it import MarkdownIt

from skerry.chat.backend import Kept, Summary
from skerry.chat.web.export import as_json, as_markdown
from tests.kit.desk_scripts import SCRIPTS
from tests.kit.scripted_agent import USAGE, Run, Step, Talk, keep


def kept(*names: str) -> Kept:
    talk = Talk("c" * 36, "somebody", "A\ntitle", 1_767_225_600.0, 1_767_229_200.0)
    for name in names:
        talk.add("user", [{"type": "text", "text": f"{name}?"}])
        events = [event for event in SCRIPTS[name](Step(Run(talk, "r"))) if isinstance(event, dict)]
        keep(events, talk, USAGE)
    return Kept(Summary(talk.id, talk.title, talk.created, talk.updated, len(talk.messages)), talk.messages)


def test_json_holds_everything():
    found = kept("table", "chart")
    data = json.loads(as_json(found))
    assert data["messages"] == [dict(message) for message in found.messages]
    assert data["conversation"]["title"] == "A\ntitle"


@pytest.mark.behaviour("WEB-DOWNLOAD")
def test_markdown_has_questions_answers_and_tools_and_names_pictures():
    text = as_markdown(kept("hello", "table", "chart"))
    assert text.startswith("# A title\n\n`cccc")
    assert "2026-01-01 00:00 UTC to " in text
    assert text.count("## Question") == 3
    assert "### Tool: ec2_read_operations (done)" in text
    assert "[picture, image/png]" in text
    assert "> Somebody greets me; I greet back." in text


def test_a_fence_is_longer_than_what_it_holds():
    message = {
        "role": "assistant",
        "content": [
            {"type": "tool_use", "id": "t", "name": "n", "input": {}},
        ],
    }
    result = {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "id": "t",
                "status": "success",
                "content": [{"type": "text", "text": "a\n````\n# not a heading"}],
            }
        ],
    }
    text = as_markdown(Kept(Summary("i", "t", 0, 0, 2), [message, result]))
    headings = [token.tag for token in MarkdownIt().parse(text) if token.type == "heading_open"]
    assert headings == ["h1", "h2", "h3"]
