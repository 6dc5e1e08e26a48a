"""`skerry iam`: what a principal needs, may do, and has.

least WHO       the smallest policy for what it was recorded to do, from the state's hops.jsonl
explain         whether a principal may do something, and which statement decides: a simulation
show WHO        what IAM in the stack has on a role or user
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from skerry.auth.iam.least import least
from skerry.errors import ConfigurationError
from skerry.stack.commands.env import add_state
from skerry.stack.inspection import ask
from skerry.stack.principals import chosen
from skerry.stack.record import recorded
from skerry.stack.state import running
from skerry.wire.hop import Hop

_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9]+")
EXAMPLES = {
    "least": "skerry iam least skerry-runtime-ops --refused",
    "explain": "skerry iam explain --principal ARN --action lambda:InvokeFunction --context aws:userid=a",
    "show": "skerry iam show arn:aws:iam::123456789012:role/skerry-runtime-ops --json",
}
"""By verb, for --help."""
_OUTCOMES = {"allowed": "allowed", "denied": "denied", "not-allowed": "not allowed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the three."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="least | explain | show")
    small = _verb(verbs, "least", "the smallest policy for what a principal did")
    small.add_argument(
        "principal", metavar="PRINCIPAL", help="name or ARN of a role or user, or the ARN of a role's session"
    )
    small.add_argument("--session", default="", metavar="ID", help="only in this runtime session")
    small.add_argument(
        "--since", type=float, default=0.0, metavar="SECONDS", help="only after this time (since 1970)"
    )
    small.add_argument("--refused", action="store_true", help="what was refused as well")
    small.add_argument("--json", action="store_true", help="the document on one line")
    why = _verb(verbs, "explain", "whether a principal may do something, and why")
    why.add_argument(
        "--principal",
        required=True,
        metavar="PRINCIPAL",
        help="name or ARN of a role or user, or the ARN of a role's session",
    )
    why.add_argument("--action", required=True, help="such as bedrock-agentcore:InvokeGateway")
    why.add_argument("--resource", default="*", metavar="ARN", help="default: %(default)s")
    why.add_argument(
        "--context", action="append", default=[], metavar="KEY=VALUE", help="a condition key of the request"
    )
    why.add_argument("--json", action="store_true", help="one JSON object")
    have = _verb(verbs, "show", "the policies of a role or user")
    have.add_argument("principal", metavar="PRINCIPAL", help="name or ARN of a role or user")
    have.add_argument("--json", action="store_true", help="one JSON object")
    for one in (small, why, have):
        add_state(one)


def _verb(verbs: Any, name: str, summary: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n  {EXAMPLES[name]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return made


def run(options: argparse.Namespace) -> int:
    """Performs one; `explain` gives 1 when the answer is no."""
    return {"least": _least, "explain": _explain, "show": _show}[options.verb](options)


def _least(options: argparse.Namespace) -> int:
    principal = _principal(options)
    hops = [
        hop
        for hop in recorded(options.state)
        if hop.started >= options.since and options.session in ("", hop.session)
    ]
    done, left = needs(hops, principal, refused=options.refused)
    document = least(done)
    print(json.dumps(document) if options.json else json.dumps(document, indent=2))
    for text, count in left.items():
        print(f"{text} ({count}x)", file=sys.stderr)
    if not done:
        print(f"nothing is recorded that {principal} did", file=sys.stderr)
        return 1
    return 0


def needs(hops: Iterable[Hop], principal: str, *, refused: bool) -> tuple[set[tuple[str, str]], Counter[str]]:
    """Pairs of action and resource that a principal used, and what could not be taken over, with counts."""
    done: set[tuple[str, str]] = set()
    left: Counter[str] = Counter()
    for hop in hops:
        own = is_principal(principal, hop.identity)
        if own and hop.part == "aws" and not hop.iam and not hop.operation.endswith(":GetCallerIdentity"):
            left[f"without a known action: {hop.operation}"] += 1
        for note in hop.iam:
            who = note.get("principal")  # a service of AWS, or a role in which one acts
            if not (is_principal(principal, who) if who else own):
                continue
            if "refused" in note and not refused:
                left[f"refused: {note['action']} on {note['resource']}"] += 1
                continue
            if str(note["action"]).endswith(":*"):  # an operation that could not be told
                left[f"without a known action: {hop.operation}"] += 1
                continue
            done.add((str(note["action"]), str(note["resource"])))
    return done, left


def is_principal(arn: str, identity: str) -> bool:
    """Whether a hop's identity is the principal, or a session of the role."""
    if arn == identity:
        return True
    head, mark, name = arn.partition(":role/")
    account = head.split(":")[-1]
    session = f":{account}:assumed-role/{name.rpartition('/')[2]}/"
    return bool(mark) and session in identity and identity.startswith("arn:")


def _explain(options: argparse.Namespace) -> int:
    if not _ACTION.fullmatch(options.action):
        raise ConfigurationError(
            f"--action {options.action} is no action.", hint="Write for example lambda:InvokeFunction."
        )
    context: dict[str, list[str]] = {}
    for item in options.context:
        key, mark, value = item.partition("=")
        if not mark or not key:
            raise ConfigurationError(
                f"--context {item} is no KEY=VALUE.", hint="Write --context aws:TagKeys=a."
            )
        context.setdefault(key, []).append(value)
    given = {"principal": _principal(options), "action": options.action, "resource": options.resource}
    found = ask(running(options.state), "POST", "iam/explain", {**given, "context": context})
    if options.json:
        print(json.dumps(found))
    else:
        print(f"{_OUTCOMES[found['decision']]}: {found['by']}")
        if not found["in_iam"]:
            print("IAM in this stack has no such principal.", file=sys.stderr)
    return 0 if found["decision"] == "allowed" else 1


def _show(options: argparse.Namespace) -> int:
    found = ask(running(options.state), "POST", "iam/show", {"principal": _principal(options)})
    if options.json:
        print(json.dumps(found))
        return 0
    for line in lines(found):
        print(line)
    return 0


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """A line for the principal, for each policy, and for each statement below it."""
    yield found["principal"] + (
        "" if found["in_iam"] else "  (not in IAM: an allow of everything is implied)"
    )
    kinds = [("identity", policy) for policy in found["identity"]]
    if not kinds:
        yield "  no policies: it may do only what a resource's policy allows it"
    kinds += [(kind, found[kind]) for kind in ("boundary", "trust") if found[kind]]
    for kind, policy in kinds:
        yield f"  {kind}: {policy['name']}" + (
            f"  cannot be read: {policy['problem']}" if policy["problem"] else ""
        )
        for item in policy["statements"]:
            parts = [item["label"], item["effect"]]
            for name, member in (
                ("Principal", "principals"),
                ("Action", "actions"),
                ("Resource", "resources"),
            ):
                if item[member]:
                    no = "not " if name in item["not"] else ""
                    parts.append(no + ", ".join(item[member]))
            parts += [f"if {condition}" for condition in item["conditions"]]
            yield "    " + "  ".join(parts)


def _principal(options: argparse.Namespace) -> str:
    """The principal that was given; whose ARN a bare name was taken for is said."""
    arn = chosen(options.principal, options.state)
    if arn != options.principal:
        print(f"taken as {arn}", file=sys.stderr)
    return arn
