"""The smallest policy for what was done: every action on exactly the resources that it was done to.

Actions on the same resources share a statement, so that the policy allows what was recorded and no other pair
of action and resource.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from skerry.auth.iam.documents import VERSIONS


def least(done: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The document for pairs of action and resource; its Statement is empty when there were none."""
    resources: dict[str, set[str]] = {}
    for action, resource in done:
        resources.setdefault(action, set()).add(_literal(resource))
    shared: dict[tuple[str, ...], list[str]] = {}
    for action in sorted(resources):
        found = ("*",) if "*" in resources[action] else tuple(sorted(resources[action]))
        shared.setdefault(found, []).append(action)
    statements = [
        {"Effect": "Allow", "Action": _plain(actions), "Resource": _plain(list(arns))}
        for arns, actions in sorted(shared.items(), key=lambda item: item[1])
    ]
    return {"Version": VERSIONS[0], "Statement": statements}


def _literal(resource: str) -> str:
    """An ARN as a pattern of itself alone; a secret that was named without its last characters has any."""
    if resource == "*":
        return resource
    stem = resource.removesuffix("??????") if ":secret:" in resource else resource
    return re.sub(r"[*?$]", lambda sign: "${" + sign[0] + "}", stem) + resource[len(stem) :]


def _plain(texts: list[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else texts
