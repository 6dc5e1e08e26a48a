"""How the proxy proves itself at a target: from the flags, the environment and the running stack."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from skerry.auth.aws_keys import AwsKeys, EnvironmentSource
from skerry.auth.ports import Proof
from skerry.auth.proof import SigV4Proof
from skerry.errors import ConfigurationError, SkerryError
from skerry.proxy.upstream import SERVICE, Target
from skerry.relay.endpoint import Explain

Auth = Literal["auto", "sigv4", "bearer", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The flags about credentials. Empty strings mean: not said. A secret is never among them."""

    auth: Auth = "auto"
    profile: str = ""
    role_arn: str = ""
    role_session_name: str = ""
    region: str = ""
    token_command: str = ""
    token_file: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    token_endpoint: str = ""
    discovery_url: str = ""
    scope: str = ""
    audience: str = ""

    @property
    def bearer(self) -> bool:
        """Whether a source of tokens is named."""
        return bool(self.token_command or self.token_file or self.client_id)


def wanted(options: argparse.Namespace) -> Wanted:
    """The flags about credentials, from the command line."""
    return Wanted(**{name.name: getattr(options, name.name) for name in fields(Wanted)})


def explain(proof: Proof) -> Explain:
    """What refusals mean, with the words for where this proof is from."""

    def explained(status: int, body: bytes, headers: Mapping[str, str]) -> SkerryError | None:
        if status not in (400, 401, 403):
            return None
        from skerry.auth import refusals  # late: most proxies are never refused

        return refusals.explain(status, body, headers, proof.origin)

    return explained


def build(wanted: Wanted, target: Target, environment: Mapping[str, str]) -> Proof:
    """The proof for a target. Raises ConfigurationError when the flags contradict each other."""
    if not target.region:
        raise ConfigurationError(
            "The target says nothing of its region.", hint="Give --region, or set AWS_REGION."
        )
    keys = AwsKeys(EnvironmentSource(environment))
    return SigV4Proof(keys, region=target.region, service=SERVICE)


async def identity(proof: Proof, target: Target, environment: Mapping[str, str]) -> str:
    """A session id that one AWS identity always has: for `--session-mode identity`."""
    raise NotImplementedError
