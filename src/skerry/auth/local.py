"""Proofs for a stack on this machine, from what it published: its `stack.json`.

For client commands that call a runtime or a gateway of the running stack and may not know the stack's own
code. The file is 0600 and so is what is read from it: nothing here is printed or logged.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from skerry.auth.aws.sigv4 import Credentials
from skerry.auth.oauth import Client, TokenSource
from skerry.auth.ports import Clock, Fetch, Post
from skerry.errors import ConfigurationError, NotRunningError, StateError
from skerry.wire.arn import Arn
from skerry.wire.endpoints import gateway_url, invocation_url
from skerry.wire.spelling import normal, same

Stack = Mapping[str, Any]
"""The members of `stack.json`: endpoint, region, keys, runtimes, gateways, realms and their defaults."""

Kind = Literal["runtime", "gateway"]


def read(state: Path) -> Stack | None:
    """What the stack on a state directory published, or None when none runs there.

    Raises StateError when the file is there and cannot be read.
    """
    path = state / "stack.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise StateError(f"{path} cannot be read ({type(error).__name__}).") from error
    if not isinstance(data, dict):
        raise StateError(f"{path} holds something else.", hint="Stop the stack and start it again.")
    return data


def named(stack: Stack | None, kind: Kind, name: str | None, *, state: Path) -> Mapping[str, Any]:
    """A runtime or gateway (`kind`: "runtime", "gateway") by name, the stack's default without one.

    The answer has `name`, `arn`, `url` and `auth` ("iam", "jwt" or "none"). Raises NotRunningError when no
    stack runs, ConfigurationError with the known names when it has none of that name.
    """
    if stack is None:
        raise NotRunningError(
            f"no stack runs on the state directory {state.resolve()}.",
            hint="Start one with: skerry up. Or name its directory with --state, or give an ARN or a URL.",
        )
    among = stack.get(f"{kind}s", {})
    chosen = name or stack.get(f"default_{kind}") or ""
    if not among:
        other = (
            "skerry call lists a gateway's tools" if kind == "runtime" else "skerry chat talks with a runtime"
        )
        raise ConfigurationError(
            f"the stack has no {kind}.", hint=f"Declare one in skerry.toml: [{kind}s.NAME]. {other}."
        )
    if chosen not in among:
        raise ConfigurationError(
            f"the stack has no {kind} '{chosen}'.", hint=f"Known: {', '.join(among) or 'none'}."
        )
    return {"name": chosen, **among[chosen]}


def runtime_or_gateway(stack: Stack | None, name: str, *, state: Path) -> tuple[Kind, Mapping[str, Any]]:
    """A runtime, else a gateway, by name, and which it is; the stack's default gateway without a name.

    As `named`; the error for an unknown name tells the names of both.
    """
    kinds: tuple[Kind, ...] = ("runtime", "gateway")
    kind = next((kind for kind in kinds if name in (stack or {}).get(f"{kind}s", {})), None)
    if kind is not None or stack is None or not name:
        kind = kind or "gateway"
        return kind, named(stack, kind, name, state=state)
    known = [f"{kind}s {', '.join(stack.get(f'{kind}s', {})) or 'none'}" for kind in kinds]
    near = difflib.get_close_matches(name, [one for kind in kinds for one in stack.get(f"{kind}s", {})], n=1)
    meant = f"Did you mean: {near[0]}? " if near else ""
    raise ConfigurationError(
        f"the stack has neither a runtime nor a gateway '{name}'.",
        hint=f"{meant}Known: {'; '.join(known)}. One that was made with boto3 is called by its ARN or URL.",
    )


def by_arn(stack: Stack | None, arn: str) -> Mapping[str, Any] | None:
    """The runtime or gateway of the stack that has this ARN.

    One of the stack's account and region that is not declared was made there with boto3: it is called at the
    stack too, and its `auth` is "", because nothing says how.
    """
    if stack is None:
        return None
    for kind in ("runtimes", "gateways"):
        for name, entry in stack.get(kind, {}).items():
            if entry.get("arn") == arn:
                return {"name": name, **entry}
    found = Arn.parse(arn)
    if (found.region, found.account) != (stack.get("region"), stack.get("account")):
        return None
    base = str(stack["endpoint"])
    if found.resource_type == "gateway":
        url = gateway_url(base, found.resource_id)
    elif found.resource_type == "runtime":
        url = invocation_url(base, arn)
    else:
        return None
    return {"name": found.resource_id, "arn": arn, "url": url, "auth": ""}


def by_url(stack: Stack | None, url: str) -> Mapping[str, Any] | None:
    """The runtime or gateway of the stack at a URL, however it is spelled.

    `auth` is "" for one that was made with boto3.
    """
    if stack is None:
        return None
    for kind in ("gateways", "runtimes"):
        for name, entry in stack.get(kind, {}).items():
            if same(str(entry.get("url", "")), url):
                return {"name": name, **entry}
    base = stack.get("endpoint")
    url = normal(url)
    if base and url.startswith((f"{base}/gateway/", f"{base}/runtimes/")):
        return {"name": url.removeprefix(f"{base}/").split("/")[1], "url": url, "auth": ""}
    return None


def credentials(stack: Stack) -> Credentials:
    """The developer's key of the stack."""
    return Credentials(stack["access_key_id"], stack["secret_access_key"])


async def token(stack: Stack, entry: Mapping[str, Any], *, post: Post, fetch: Fetch, clock: Clock) -> str:
    """An access token that `entry` accepts, by client credentials of a client of its realm.

    `entry` may name `client`, `audience` and `scope`.

    Raises ConfigurationError when the stack has no fitting client, RemoteError when the provider refuses.
    """
    realm = stack.get("realms", {}).get(entry.get("realm", ""), {})
    audience, wanted = str(entry.get("audience", "")), entry.get("client", "")
    for name, client in realm.get("clients", {}).items():
        fits = wanted in ("", name) and (not audience or audience in client.get("audiences", ()))
        if fits and client.get("secret") and "client_credentials" in client.get("grants", ()):
            chosen = Client(
                client_id=name, client_secret=client["secret"], token_endpoint=realm["token_endpoint"]
            )
            source = TokenSource(chosen, post=post, fetch=fetch, clock=clock)
            return await source.client_credentials(audience=audience, scope=str(entry.get("scope", "")))
    raise ConfigurationError(
        f"no client of the stack can get a token for {audience or entry.get('name', 'it')!r}.",
        hint="Sign in yourself: skerry login NAME, or --auth browser. Or set SKERRY_TOKEN to a token, "
        "or give a client with a secret the audience in skerry.toml.",
    )
