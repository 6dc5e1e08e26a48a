"""Tool results as Markdown: tables for lists of records, sentences for verdicts, images, errors and refusals.

It shows what a tool returned and adds nothing to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from skerry.local.models.router.tables import MAX_ROWS, cell, members, rows

MAX_TEXT = 60_000
MAX_PROBLEM = 400

# What an agent or a server says when a person refused; an AWS "access denied" is none of these.
_REFUSED = re.compile(
    r"\s*(?:CONFIRMATION_FAILED\b|DENIED:|(?i:.{0,200}\b(?:"
    r"(?:denied|declined|refused|rejected|cancell?ed) by the user"
    r"|user (?:has )?(?:denied|declined|refused|rejected|cancell?ed|did not (?:confirm|approve))"
    r"|approval was not granted|denied: approval callback)\b))",
    re.DOTALL,
)
_LIST_KEYS = ("items", "results", "records", "data", "rows", "entries")
_COUNT_KEYS = (
    "count", "total", "truncated", "more", "next_token", "nextToken", "region", "account",
    "source", "problems",
)  # fmt: skip
_VERDICTS = {"allowed": "Allowed", "blocked": "Blocked", "anonymized": "Anonymized"}


def result(block: Mapping[str, Any], tool: str) -> str:
    """The Markdown of one `toolResult` block of the tool named `tool`."""
    contents = block.get("content") or ()
    plain = "\n".join(item["text"] for item in contents if "text" in item)
    if _REFUSED.match(plain):
        return f"You did not approve `{tool}`, so it was not run and nothing was changed."
    # A server may send its structured answer as text too, for readers that know no JSON: shown once.
    structured = any(isinstance(item.get("json"), Mapping) for item in contents)
    texts = [_content(item) for item in contents if not (structured and "text" in item)]
    failed = next((told for item in contents if (told := _failed(item))), "")
    if failed:
        return f"`{tool}` reported an error: {failed}"
    body = "\n\n".join(dict.fromkeys(filter(None, texts)))
    if block.get("status") == "error":
        return f"`{tool}` reported an error:\n\n{body}" if body else f"`{tool}` failed and gave no reason."
    return body or f"`{tool}` finished and returned nothing."


def _failed(item: Mapping[str, Any]) -> str:
    """The one line of an answer that is an error: `{"error": text, "code": …}`."""
    data = item["json"] if "json" in item else _parsed(item.get("text", ""))
    if not isinstance(data, Mapping) or not isinstance(data.get("error"), str) or "code" not in data:
        return ""
    return f"{' '.join(data['error'].split())} ({data['code']})"


def _content(item: Mapping[str, Any]) -> str:
    if "json" in item:
        return value(item["json"])
    if "text" in item:
        return _text(item["text"])
    if "image" in item:
        return f"The image is attached ({item['image'].get('format', 'image')})."
    for kind in ("document", "video"):
        if kind in item:
            return f"The {kind} is attached ({item[kind].get('name') or item[kind].get('format', kind)})."
    return ""


def _text(text: str) -> str:
    data = _parsed(text)
    if data is not None:
        return value(data)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}\n… ({len(text) - MAX_TEXT} characters more)"


def _parsed(text: str) -> Any:
    """The JSON of a text, or None."""
    if text.strip()[:1] not in ("{", "[", '"'):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def value(data: Any) -> str:
    """JSON as Markdown: a list of records is a table, a record is a list of its members."""
    if isinstance(data, str):
        return data
    if isinstance(data, list):
        return _list(data)
    if isinstance(data, Mapping):
        return _object(data)
    return json.dumps(data)


def _object(data: Mapping[str, Any]) -> str:
    if set(data) == {"result"}:  # what MCP servers wrap a bare value in
        return value(data["result"])
    if data.get("verdict") in _VERDICTS and isinstance(data.get("findings"), list):
        return _verdict(data)
    key = next((name for name in _LIST_KEYS if isinstance(data.get(name), list)), None)
    if key is None and "count" in data:
        key = next((name for name, item in data.items() if isinstance(item, list)), None)
    if key is None:
        return _record(data)
    rest = {name: item for name, item in data.items() if name != key}
    return "\n\n".join(part for part in (_list(data[key]), _count_line(rest, len(data[key]))) if part)


def _record(data: Mapping[str, Any]) -> str:
    """Its plain members as a list, lists of records as tables, long texts as they are."""
    tables = {name: item for name, item in data.items() if _records(item)}
    texts = {name: item for name, item in data.items() if isinstance(item, str) and "\n" in item.strip()}
    plain = {name: item for name, item in data.items() if name not in tables and name not in texts}
    parts = [members(plain)] if plain or not data else []
    parts += [f"**{name}**\n\n{_list(item)}" for name, item in tables.items()]
    parts += [f"**{name}**\n\n{_fenced(text)}" for name, text in texts.items()]
    return "\n\n".join(parts)


def _records(item: Any) -> bool:
    return isinstance(item, list) and bool(item) and all(isinstance(part, Mapping) for part in item)


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text[-MAX_TEXT:].strip()}\n{fence}"


def _verdict(data: Mapping[str, Any]) -> str:
    """A guardrail's verdict as a sentence, with its findings."""
    said = f"**{_VERDICTS[data['verdict']]}**"
    if data.get("guardrail"):
        said += f" by the guardrail {data['guardrail']}, version {data.get('version', '?')}"
    parts = [f"{said}: {str(data.get('reason') or 'nothing was found').rstrip('.')}."]
    if _records(data["findings"]):
        parts.append(rows(data["findings"]))
    if data["verdict"] == "anonymized" and data.get("text"):
        parts.append(f"What may be passed on:\n\n{_fenced(str(data['text']))}")
    return "\n\n".join(parts)


def _count_line(rest: Mapping[str, Any], shown: int) -> str:
    count = rest.get("count", rest.get("total", shown))
    parts = [f"{count} item{'' if count == 1 else 's'}"]
    parts += [f"{name} {cell(rest[name])}" for name in ("region", "account") if rest.get(name)]
    if rest.get("truncated") or rest.get("more") is True:
        parts.append("truncated: there are more")
    lines = [" · ".join(parts)]
    if rest.get("source"):
        lines.append(f"- **source**: {cell(rest['source'])}")
    problems = rest.get("problems")
    for item in problems if isinstance(problems, list) else []:
        told = item if isinstance(item, Mapping) else {"problem": item}
        lines.append(f"- **problem** in {cell(told.get('region'))}: {cell(told.get('problem'), MAX_PROBLEM)}")
    lines += [
        f"- **{name}**: {cell(item)}"
        for name, item in rest.items()
        if name not in _COUNT_KEYS and item is not None
    ]
    return "\n".join(lines)


def _list(data: Sequence[Any]) -> str:
    if not data:
        return "Nothing was found."
    if _records(data):
        return rows(data)
    more = [f"… and {len(data) - MAX_ROWS} more"] if len(data) > MAX_ROWS else []
    return "\n".join([*(f"- {cell(item)}" for item in data[:MAX_ROWS]), *more])
