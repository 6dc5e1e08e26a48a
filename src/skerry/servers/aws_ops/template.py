"""What a CloudFormation template hides: parameters declared NoEcho, and outputs that repeat them.

CloudFormation masks the values of such parameters, but not the outputs made of them; a local stand-in may
mask neither.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TOP = re.compile(r"^([\"']?)(\w+)\1\s*:", re.MULTILINE)
_WORDS = re.compile(r"\w+")
_DECLARED = re.compile(r"\bNoEcho\b")
_ALIAS = re.compile(r"(?:^|[\s:,\[{-])[&*]\w|<<\s*:", re.MULTILINE)
_NO = re.compile(r"\bNoEcho[\"']?\s*:\s*[\"']?(false|no|off)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Names of parameters and outputs whose values are not to be shown; `everything` where none may."""

    parameters: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    everything: bool = False


def hidden(template: Any) -> Hidden:
    """What is hidden in a template: the parsed JSON that boto3 gives, or the text of a YAML template.

    A text is read by its indentation only. An output is hidden as soon as the name of a NoEcho parameter
    stands in it; of a template that cannot be read so, everything is.
    """
    if isinstance(template, str):
        return _of_text(template)
    if not isinstance(template, Mapping):
        return Hidden(everything=True)
    parts = [template.get(name, {}) for name in ("Parameters", "Outputs")]
    if not all(isinstance(part, Mapping) for part in parts):
        return Hidden(everything=True)
    texts = [{name: json.dumps(value, default=str) for name, value in part.items()} for part in parts]
    return _naming(*texts)


def _of_text(text: str) -> Hidden:
    sections = _sections(text)
    parameters, outputs = (_entries(sections.get(name, "")) for name in ("Parameters", "Outputs"))
    found = _naming(parameters, outputs)
    declared = len(_DECLARED.findall(text)) - len(_NO.findall(text))
    # Each declaration must have been found in a parameter of its own, and nothing may stand for a text
    # elsewhere; else it is written in a way that reading by indentation does not see through.
    plain = sections and all(name.isalnum() for name in (*parameters, *outputs))
    if not plain or _ALIAS.search(text) or declared != len(found.parameters):
        return Hidden(everything=True)
    return found


def _naming(parameters: Mapping[str, str], outputs: Mapping[str, str]) -> Hidden:
    names = frozenset(
        name for name, body in parameters.items() if _DECLARED.search(body) and not _NO.search(body)
    )
    naming = frozenset(name for name, body in outputs.items() if names & set(_WORDS.findall(body)))
    return Hidden(names, naming)


def _sections(text: str) -> dict[str, str]:
    """The top-level sections of a YAML text by name; none when one is there twice."""
    found = list(_TOP.finditer(text))
    ends = [*(match.start() for match in found), len(text)][1:]
    sections = {match[2]: text[match.end() : end] for match, end in zip(found, ends, strict=False)}
    return sections if len(sections) == len(found) else {}


def _entries(section: str) -> dict[str, str]:
    """The entries one level below a section: every line as far in as the first one begins one."""
    found: dict[str, str] = {}
    name, depth = "", -1
    for line in section.splitlines():
        bare = line.lstrip()
        inside = len(line) - len(bare)
        if not bare or (bare.startswith("#") and not name):
            continue
        if not bare.startswith("#") and (inside <= depth or not name):
            name, depth = bare.partition(":")[0].strip().strip("\"'"), max(depth, inside)
        found[name] = f"{found.get(name, '')}{line}\n"
    return found
