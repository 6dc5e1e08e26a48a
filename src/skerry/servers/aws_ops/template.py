"""Which outputs of a CloudFormation template give away a parameter that is declared NoEcho.

CloudFormation masks the values of such parameters, but not the outputs that repeat them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_TOP = re.compile(r"^(\"?)(\w+)\1\s*:", re.MULTILINE)
_WORDS = re.compile(r"\w+")
_YES = re.compile(r"NoEcho[\"']?\s*:\s*[\"']?(true|yes|on)\b", re.IGNORECASE)


def secret_outputs(template: Any) -> list[str]:
    """The names of outputs whose definition names a NoEcho parameter, or an alias of one.

    `template` is the parsed JSON that boto3 gives, or the text of a YAML template, which is read by its
    indentation only: an output counts as secret as soon as the name of such a parameter stands in it. Of
    a text that cannot be read so, every output does: `*`.
    """
    if isinstance(template, str):
        return _of_text(template)
    if not isinstance(template, Mapping):
        return ["*"]
    parameters, outputs = template.get("Parameters") or {}, template.get("Outputs") or {}
    hidden = {name for name, value in parameters.items() if _YES.search(json.dumps(value, default=str))}
    return _naming(hidden, {name: json.dumps(value, default=str) for name, value in outputs.items()})


def _of_text(text: str) -> list[str]:
    sections = _sections(text)
    if not sections or ("NoEcho" in text and "Parameters" not in sections):
        return ["*"]
    hidden = {name for name, body in _entries(sections.get("Parameters", "")).items() if _YES.search(body)}
    if len(hidden) < len(_YES.findall(sections.get("Parameters", ""))):
        return ["*"]  # written in a way that this reading does not see through
    return _naming(hidden, _entries(sections.get("Outputs", "")))


def _naming(hidden: set[str], entries: Mapping[str, str]) -> list[str]:
    return sorted(name for name, body in entries.items() if hidden & set(_WORDS.findall(body)))


def _sections(text: str) -> dict[str, str]:
    """The top-level sections of a YAML text by name."""
    found = list(_TOP.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {match[2]: text[match.end() : end] for match, end in zip(found, ends, strict=True)}


def _entries(section: str) -> dict[str, str]:
    """The entries one level below a section: every line as far in as the first one begins one."""
    lines = [line for line in section.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return {}
    depth = len(lines[0]) - len(lines[0].lstrip())
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        if len(line) - len(line.lstrip()) <= depth:
            name = line.partition(":")[0].strip().strip("\"'")
        found[name] = f"{found.get(name, '')}{line}\n"
    return found
