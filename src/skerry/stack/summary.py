"""What a stack says of itself when it is ready, to people and to programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from skerry.stack.resources import Resource
from skerry.stack.resources import lines as resource_lines


def public(running: Mapping[str, Any]) -> dict[str, Any]:
    """What `up --json` prints: URLs, ARNs and the region, but no secret."""
    shown = {name: value for name, value in running.items() if name != "secret_access_key"}
    shown["realms"] = {
        name: {**realm, "clients": list(realm["clients"]), "users": list(realm["users"])}
        for name, realm in running["realms"].items()
    }
    return shown


def summary(running: Mapping[str, Any], seconds: float, *, detached: bool = False) -> str:
    """What `up` prints when it is ready; `detached`: the terminal is free again."""
    lines = [
        f"skerry is up after {seconds:.1f} s at {running['endpoint']}, {running['region']}",
        f"from {running['file']}",
    ]
    for kind, where in (("runtimes", "arn"), ("gateways", "url")):
        if running[kind]:
            lines += ["", kind]
            lines += _rows({name: (item["auth"], item[where]) for name, item in running[kind].items()})
    urls = {name: item for name, item in running["functions"].items() if "url" in item}
    if urls:
        lines += ["", "function URLs"]
        lines += _rows({name: (item["auth"], item["url"]) for name, item in urls.items()})
    if running["realms"]:
        lines += ["", "issuers"]
        lines += _rows({name: (realm["issuer"],) for name, realm in running["realms"].items()})
    if running["guardrails"]:
        lines += ["", "guardrails"]
        declared = running["guardrails"].items()
        lines += _rows({name: (f"{item['id']} version {item['version']}",) for name, item in declared})
    if running["services"]:
        lines += ["", "services"]
        lines += _rows({name: (service["url"],) for name, service in running["services"].items()})
    if unusable := problem_lines(running):
        lines += ["", *unusable]
    where = "" if running["state"] == str(Path(".skerry").resolve()) else f" --state {running['state']}"
    lines += [
        "",
        f"models are answered by: {running['models']}",
        "everything here is plain HTTP on this machine's loopback address",
        *notices(running),
        "",
        f"{'next:' if detached else 'next, in another terminal:':<28} {_first_step(running)}{where}",
        f'for boto3 and other tools:   eval "$(skerry env{where})"',
        f"it runs on, and ends with:   skerry stop{where}" if detached else "Ctrl-C ends it.",
    ]
    return "\n".join(lines)


def notices(running: Mapping[str, Any]) -> list[str]:
    """What leaves the stack, and what of the environment it could not use."""
    where = running.get("spans_to")
    sent = [f"spans, which say who called what, are sent to {where}"] if where else []
    return [*sent, *(f"warning: {text}" for text in running.get("warnings", ()))]


def problem_lines(running: Mapping[str, Any]) -> list[str]:
    """What of a stack cannot be used, with the reason and the next move."""
    found: Sequence[Mapping[str, Any]] = running.get("problems", ())
    if not found:
        return []
    names = [field.name for field in fields(Resource)]
    title = "FAILED" if any(one["failed"] for one in found) else "not ready yet"
    return [title, *resource_lines([Resource(**{name: one[name] for name in names}) for one in found])]


def _first_step(running: Mapping[str, Any]) -> str:
    """A command that has something to talk with: an agent, else the tools of a gateway or a server."""
    spoken = {name: item.get("protocol", "HTTP") for name, item in running["runtimes"].items()}
    agents = [name for name, protocol in spoken.items() if protocol in ("HTTP", "A2A")]
    if agents or not (spoken or running["gateways"]):
        first = not agents or agents[0] == next(iter(spoken))
        return "skerry chat" if first else f"skerry chat --agent {agents[0]}"
    return f"skerry call {next(iter(running['gateways']), next(iter(spoken), ''))} list"


def _rows(named: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Names with what belongs to them, in columns that the longest name makes room for."""
    width = max(18, *map(len, named)) if named else 0
    return [
        f"  {name:<{width}} {' '.join([*(f'{cell:<5}' for cell in cells[:-1]), cells[-1]])}"
        for name, cells in named.items()
    ]
