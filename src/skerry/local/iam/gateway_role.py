"""What a gateway does as its execution role besides what it signs, and which permissions that needs.

| for | actions | on |
|---|---|---|
| any credential of the vault | `GetWorkloadAccessToken` | the gateway's workload identity and its directory |
| OAUTH | `GetResourceOauth2Token` | the credential provider |
| API_KEY | `GetResourceApiKey` | the credential provider |
| both of them | `secretsmanager:GetSecretValue` | the provider's secret |
| a policy engine | `GetPolicyEngine` | the engine |
| a call, a list with one | `AuthorizeAction`, `PartiallyAuthorizeActions` | the engine and the gateway |

Functions of targets and interceptors are not here: those requests are signed, and decided where they arrive.

Sources: AgentCore developer guide, "Set up outbound authorization for your gateway", "AgentCore Gateway and
Policy IAM permissions". Which resources the vault's actions are asked on is a switch: the guide names the
provider alone, policies that the console writes name vault, identity and directory as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from skerry.errors import ServiceError
from skerry.local.ports.callers import Caller
from skerry.local.ports.permissions import SERVICE_PRINCIPAL, Ask, Notes, Permissions
from skerry.local.ports.resources import Record

_PREFIX = "bedrock-agentcore"
ENGINE_ACTIONS = ("AuthorizeAction", "PartiallyAuthorizeActions")
_VAULT_ACTIONS = {"OAUTH": "GetResourceOauth2Token", "API_KEY": "GetResourceApiKey"}


def session(gateway: Record) -> Caller:
    """The gateway as the principal that it is towards AWS: a session of its role."""
    parts = str(gateway["roleArn"]).split(":", 5)
    role = parts[5].rpartition("/")[2]
    name = f"gateway-{gateway.get('gatewayId', '')}"[:64]
    return Caller(kind="iam", arn=f"arn:{parts[1]}:sts::{parts[4]}:assumed-role/{role}/{name}")


def credential_asks(gateway: Record, kind: str, provider: str, secret: str, *, whole: bool) -> list[Ask]:
    """The permissions for a credential of a provider; `kind` is `OAUTH` or `API_KEY`.

    `provider` and `secret` are ARNs; a provider without a secret has "". `whole` asks the vault's action on
    the vault, the identity and its directory too.
    """
    identity = str((gateway.get("workloadIdentityDetails") or {}).get("workloadIdentityArn", ""))
    directory = identity.partition("/workload-identity/")[0]
    provider = provider.replace(":acps:", f":{_PREFIX}:", 1)
    holders = [arn for arn in (directory, identity) if arn]
    vault = provider.partition(f"/{'oauth2' if kind == 'OAUTH' else 'apikey'}credentialprovider/")[0]
    named = [provider, vault, *holders] if whole else [provider]
    return [
        *(Ask(f"{_PREFIX}:GetWorkloadAccessToken", arn) for arn in holders),
        *(Ask(f"{_PREFIX}:{_VAULT_ACTIONS[kind]}", arn) for arn in named),
        *([Ask("secretsmanager:GetSecretValue", secret)] if secret else []),
    ]


def engine_asks(engine: str, gateway: str, actions: Sequence[str] = ENGINE_ACTIONS) -> list[Ask]:
    """The permissions for asking a policy engine about a gateway; both are ARNs."""
    return [
        Ask(f"{_PREFIX}:GetPolicyEngine", engine),
        *(Ask(f"{_PREFIX}:{action}", arn) for action in actions for arn in (engine, gateway)),
    ]


async def refusal(permissions: Permissions, gateway: Record, asks: Sequence[Ask], notes: Notes) -> str:
    """Why a gateway's role may not do something, in AWS's words; "" when it may.

    What decided is added to `notes`, with the role's session as the principal.
    """
    caller = session(gateway)
    found: Notes = []
    try:
        role, source = str(gateway["roleArn"]), str(gateway.get("gatewayArn", ""))
        if why := await permissions.trusted(role, SERVICE_PRINCIPAL, source, notes):
            return why
        await permissions.check(caller, asks, found)
    except ServiceError as problem:
        return problem.message
    finally:
        notes.extend({"principal": caller.arn, **note} for note in found)
    return ""
