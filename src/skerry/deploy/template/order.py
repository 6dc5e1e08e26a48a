"""Which resource waits for which, and what to say where two of them wait for each other."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.deploy.template.draft import Resource
from skerry.deploy.template.intrinsics import mentioned
from skerry.errors import ConfigurationError


def needs(resources: Mapping[str, Resource]) -> dict[str, list[str]]:
    """The resources that each one names."""
    return {
        name: [
            other for other in dict.fromkeys([*mentioned(one.properties), *one.after]) if other in resources
        ]
        for name, one in resources.items()
    }


def check(resources: Mapping[str, Resource], file: str) -> None:
    """Raises ConfigurationError, which names the tables, when resources need each other in a circle."""
    edges = needs(resources)
    done: set[str] = set()
    for start in resources:
        circle = _circle(start, edges, done)
        if not circle:
            continue
        tables = list(dict.fromkeys(resources[name].table for name in circle))
        shown = " needs ".join([*tables, tables[0]])
        raise ConfigurationError(
            f"{file}: {shown}; CloudFormation makes one after the other.",
            hint="Write one of these references as a plain value, or look the ARN up in the program.",
        )


def _circle(start: str, edges: Mapping[str, list[str]], done: set[str]) -> list[str]:
    """The resources of a circle that is reached from `start`; empty without one."""
    path: list[str] = []
    waiting = [(start, iter(edges[start]))] if start not in done else []
    while waiting:
        name, others = waiting[-1]
        if not path or path[-1] != name:
            path.append(name)
        following = next(others, None)
        if following is None:
            done.add(name)
            path.pop()
            waiting.pop()
        elif following in path:
            return path[path.index(following) :]
        elif following not in done:
            waiting.append((following, iter(edges[following])))
    return []
