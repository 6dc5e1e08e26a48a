"""How the proxy proves itself at a target: from the flags, the environment and the running stack."""

from __future__ import annotations

import argparse
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skerry.auth.aws.aws_keys import AwsKeys, aws_keys
from skerry.auth.challenge_proof import ChallengeProof
from skerry.auth.ports import Origin, Proof, Surroundings
from skerry.auth.proof import AutoProof, NoProof, SigV4Proof
from skerry.errors import ConfigurationError, SkerryError
from skerry.proxy.upstream import SERVICE, Target
from skerry.relay.http import HttpError, Pool, Url
from skerry.relay.http.endpoint import Explain
from skerry.settings import SignInSettings

if TYPE_CHECKING:
    from skerry.auth.login.discovered_tokens import DiscoveredTokens

_log = logging.getLogger(__name__)

Auth = Literal["auto", "sigv4", "bearer", "browser", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The flags about credentials. Empty strings mean: not said. A secret is never among them."""

    auth: Auth = "auto"
    profile: str = ""
    role_arn: str = ""
    role_session_name: str = ""
    token_command: str = ""
    token_file: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    token_endpoint: str = ""
    discovery_url: str = ""
    scope: str = ""
    audience: str = ""
    login: bool = False


def wanted(options: argparse.Namespace) -> Wanted:
    """The flags about credentials, from the command line."""
    return Wanted(**{name.name: getattr(options, name.name) for name in fields(Wanted)})


def keys(flags: Wanted, target: Target, environment: Mapping[str, str]) -> AwsKeys:
    """The AWS credentials for a target: those of the running stack that it belongs to, else the chain's."""
    if target.stack is not None and not flags.profile and not flags.role_arn:
        from skerry.auth import local

        held = local.credentials(target.stack)
        environment = {
            "AWS_ACCESS_KEY_ID": held.access_key_id,
            "AWS_SECRET_ACCESS_KEY": held.secret_access_key,
        }
    return aws_keys(
        environment,
        profile=flags.profile,
        role_arn=flags.role_arn,
        role_session_name=flags.role_session_name,
        region=target.region,
    )


def build(
    flags: Wanted, target: Target, found: AwsKeys, sign_in: ChallengeProof, *, signed_in: bool = False
) -> Proof:
    """The proof for a target; `sign_in` is that of a person, or of a client, whom the server asks for one.

    With `signed_in` somebody did so before, and comes before a machine of the stack.
    Raises ConfigurationError when the flags contradict each other.
    """
    bearer = _bearer(flags)
    if bearer is None and not flags.login and flags.auth != "browser":
        bearer = None if signed_in else _of_stack(target)
    if bearer is None and (flags.login or flags.client_id or signed_in):
        bearer = sign_in
    if flags.auth == "none":
        return NoProof()
    if flags.auth in ("bearer", "browser"):
        return bearer or sign_in
    if flags.auth == "sigv4":
        if bearer is not None and target.stack is None:
            raise ConfigurationError("--auth sigv4 and a source of tokens contradict each other.")
        return _signature(target, found)
    if bearer is not None:
        return AutoProof(bearer, _signature(target, found)) if target.sign and target.region else bearer
    if not target.sign or target.method == "none":
        return AutoProof(NoProof(), sign_in)
    if target.method == "jwt":
        return AutoProof(sign_in, *([_signature(target, found)] if target.region else ()))
    if target.kind == "mcp":  # some server on this machine: it says what it wants
        return AutoProof(NoProof(), sign_in, *([_signature(target, found)] if target.region else ()))
    return AutoProof(_signature(target, found), sign_in)


def is_signed_in(target: Target, settings: SignInSettings) -> bool:
    """Whether a sign-in is kept for a target of the stack that takes tokens."""
    if target.stack is None or target.method != "jwt":
        return False
    from skerry.auth.login.kept import Kept

    return Kept(settings.tokens, use_keyring=settings.keyring).has(target.url)


def person(target: Target, flags: Wanted, settings: SignInSettings) -> ChallengeProof:
    """The sign-in of a person, or of the client that is configured; its modules are loaded when asked for.

    A browser is opened with --login only: a host starts proxies when nobody looks.
    """

    def made() -> DiscoveredTokens:
        from skerry.auth.login.discovered_tokens import DiscoveredTokens
        from skerry.auth.login.kept import Kept

        around = Surroundings(
            _open if flags.login else None, _log.warning, device=flags.login and settings.device
        )
        kept = Kept(settings.tokens, use_keyring=settings.keyring)
        state = str((target.stack or {}).get("state", ""))
        name = target.name if state else ""
        return DiscoveredTokens(target.url, settings, kept, surroundings=around, name=name, state=state)

    return ChallengeProof(made)


def _open(url: str) -> None:
    import webbrowser

    _log.warning("if no browser opens, open this yourself: %s", url)
    webbrowser.open(url)


def explain(proof: Proof) -> Explain:
    """What refusals mean, with the words for where this proof is from."""

    def explained(status: int, body: bytes, headers: Mapping[str, str]) -> SkerryError | None:
        if status not in (400, 401, 403):
            return None
        from skerry.auth import refusals  # late: most proxies are never refused

        return refusals.explain(status, body, headers, proof.origin)

    return explained


async def identity(found: AwsKeys, target: Target, environment: Mapping[str, str], pool: Pool) -> str:
    """A session id that one AWS identity always has, for `--session-mode identity`.

    It is a digest: the id travels in a header that is not secret. Raises SkerryError when STS does not say
    who the credentials are.
    """
    from skerry.auth.aws.identity import caller_identity, sts_endpoint

    async def post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        try:
            reply = await pool.request("POST", Url.parse(url), headers.items(), body, silence=30.0)
            return reply.status, await reply.read(1 << 16, 30.0)
        except HttpError as problem:
            raise OSError(problem.message) from problem

    region = target.region or "us-east-1"
    if target.stack is not None:
        environment = {"AWS_ENDPOINT_URL": str(target.stack["endpoint"])}
    endpoint = sts_endpoint(environment, region)
    arn = await caller_identity(await found.frozen(), region, endpoint, post=post, origin=found.origin)
    return "identity-" + hashlib.sha256(f"{arn} {target.url}".encode()).hexdigest()


def _signature(target: Target, found: AwsKeys) -> Proof:
    if not target.region:
        raise ConfigurationError(
            f"{target.url} says nothing of its region.", hint="Give --region, or set AWS_REGION."
        )
    return SigV4Proof(found, region=target.region, service=SERVICE)


def _bearer(flags: Wanted) -> Proof | None:
    given = [flag for flag in ("token_command", "token_file", "client_id") if getattr(flags, flag)]
    if not given:
        return None
    if len(given) > 1:
        names = " and ".join("--" + flag.replace("_", "-") for flag in given)
        raise ConfigurationError(f"{names} contradict each other.", hint="Give one source of tokens.")
    from skerry.auth.bearer import BearerProof
    from skerry.auth.bearer_sources import CommandTokens, FileTokens

    if flags.token_command:
        return BearerProof(CommandTokens(flags.token_command))
    if flags.token_file:
        return BearerProof(FileTokens(Path(flags.token_file).expanduser()))
    return _client(flags) if flags.token_endpoint or flags.discovery_url else None


def _client(flags: Wanted) -> Proof:
    """A client at an endpoint that was named; one without is looked up when the server asks for a token."""
    from skerry.auth.bearer import BearerProof
    from skerry.auth.bearer_sources import ClientTokens
    from skerry.auth.oauth import Client

    if not flags.client_secret_file:
        raise ConfigurationError(
            "--token-endpoint and --discovery-url need --client-id and --client-secret-file.",
            hint="The secret is read from a file so that it stands in no process list.",
        )
    try:
        secret = Path(flags.client_secret_file).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"The file {flags.client_secret_file} cannot be read.") from problem
    client = Client(
        client_id=flags.client_id,
        client_secret=secret,
        token_endpoint=flags.token_endpoint,
        discovery_url=flags.discovery_url,
    )
    return BearerProof(ClientTokens(client, scope=flags.scope, audience=flags.audience))


def _of_stack(target: Target) -> Proof | None:
    """Tokens of the stack's own identity provider, for what it put behind a JWT authorizer."""
    stack, name = target.stack, target.name
    if stack is None or target.method != "jwt":
        return None
    from skerry.auth import local
    from skerry.auth.bearer import BearerProof
    from skerry.auth.bearer_sources import AskedTokens
    from skerry.auth.clock import SystemClock
    from skerry.auth.http.one_request import fetch_document, post_form

    entry = stack[f"{target.kind}s"][name]

    async def ask() -> str:
        return await local.token(stack, entry, post=post_form, fetch=fetch_document, clock=SystemClock())

    return BearerProof(AskedTokens(ask, Origin("bearer", "the stack's identity provider")))
