import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from skerry.chat.web.safe import code_span, markdown, plain

PICTURES = (
    ("![x](http://a/b.png)", "\\![x](http://a/b.png)"),
    ("![x][ref]", "\\![x][ref]"),
    ("[![x](u)](v)", "[\\![x](u)](v)"),
    ("\\![x](u)", "\\![x](u)"),
    ("\\\\![x](u)", "\\\\\\![x](u)"),
    ("!\\[x](u)", "!\\[x](u)"),
    ("`a` ![x](u)", "`a` \\![x](u)"),
    ("`unclosed ![x](u)", "`unclosed \\![x](u)"),
    ("\\`![x](u)`", "\\`\\![x](u)`"),
    ("`![x](u)`", "`\\![x](u)`"),
    ("`` ` ![x](u) ``", "`` ` \\![x](u) ``"),
    ("`a\n\n![x](u)`", "`a\n\n\\![x](u)`"),
    ("```\n![x](u)\n```\n![x](u)", "```\n![x](u)\n```\n\\![x](u)"),
    ("````\n```\n![x](u)\n````\n![x](u)", "````\n```\n![x](u)\n````\n\\![x](u)"),
    ("    ```\n![x](u)", "    ```\n\\![x](u)"),
    ("``` a`b\n![x](u)", "``` a`b\n\\![x](u)"),
    ("~~~\n![x](u)\n```\n~~~", "~~~\n![x](u)\n```\n~~~"),
    ("> ![x](u)", "> \\![x](u)"),
)


@pytest.mark.behaviour("WEB-PICTURES")
@pytest.mark.parametrize(("given_", "shown"), PICTURES)
def test_a_picture_of_a_model_becomes_a_link(given_: str, shown: str):
    assert markdown(given_) == shown


def test_prices_are_no_mathematics_and_code_keeps_its_dollars():
    assert markdown("$5 or $6, `$HOME`, \\$7") == "\\$5 or \\$6, `$HOME`, \\$7"


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_diagrams_are_text(fence: str):
    assert markdown(f"{fence} Mermaid\nA-->B\n{fence}") == f"{fence}text\nA-->B\n{fence}"


def test_control_characters_do_not_arrive():
    assert markdown("a\x1b[31mb\u202ec") == "a[31mbc"


PIECES = [
    "![",
    "x](u)",
    "`",
    "``",
    "```",
    "~~~",
    "\n",
    "\n\n",
    "\\",
    " ",
    "    ",
    "> ",
    "- ",
    "[",
    "![x](u)",
    "[r]: u",
]


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_another_parser_finds_no_picture(text: str):
    tokens = MarkdownIt("commonmark", {"html": False}).parse(markdown(text))
    assert [child for token in tokens for child in token.children or () if child.type == "image"] == []


@given(st.text(alphabet="ab !`[]()~\\\n", max_size=60))
def test_nothing_but_backslashes_is_added(text: str):
    assert markdown(text).replace("\\", "") == text.replace("\\", "")


@given(st.text(max_size=60))
def test_plain_text_has_no_mark_that_is_not_escaped(text: str):
    shown = plain(text)
    assert "\n" not in shown
    assert re.search(r"(?<!\\)(?:\\\\)*[*_`\[\]<>$!#|~:]", shown) is None


@given(st.text(max_size=60))
def test_a_code_span_is_not_left_before_its_end(text: str):
    shown = code_span(text)
    ticks = re.match(r"`+", shown)
    assert ticks is not None
    assert shown.endswith(ticks[0])
    inside = shown[len(ticks[0]) : -len(ticks[0])]
    assert ticks[0] not in re.findall(r"`+", inside)
