"""Which permissions an operation of the control plane needs: action, resource and condition keys.

An operation's action has its name. What is made has no resource yet, so `*` is asked for; a list is of a
runtime, a gateway, an engine, a vault or a directory, or of everything.

Source: AWS service authorization reference, Amazon Bedrock AgentCore. Where it has several resource types for
an operation, the most special one is asked for: inference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skerry.auth.iam.patterns import lower
from skerry.local.control.identities import DIRECTORY, VAULT
from skerry.local.control.roles import TAKERS
from skerry.local.ports.permissions import SERVICE_PRINCIPAL, Ask
from skerry.local.state.resources import Place

_PREFIX = "bedrock-agentcore"
_VAULT, _DIRECTORY = f"token-vault/{VAULT}", f"workload-identity-directory/{DIRECTORY}"

_LISTED: Mapping[str, str] = {
    "ListOauth2CredentialProviders": _VAULT,
    "ListApiKeyCredentialProviders": _VAULT,
    "ListWorkloadIdentities": _DIRECTORY,
}
_NAMED: Sequence[tuple[str, str]] = (
    ("Oauth2CredentialProvider", f"{_VAULT}/oauth2credentialprovider"),
    ("ApiKeyCredentialProvider", f"{_VAULT}/apikeycredentialprovider"),
    ("WorkloadIdentity", f"{_DIRECTORY}/workload-identity"),
)


def asks(name: str, given: Mapping[str, Any], place: Place) -> list[Ask]:
    """The permissions for an operation with a valid input."""
    found = [Ask(f"{_PREFIX}:{name}", resource(name, given, place), context(given))]
    role = given.get("roleArn")
    if name in TAKERS and role:
        passed = {
            "iam:passedtoservice": (SERVICE_PRINCIPAL,),
            "iam:associatedresourcearn": (found[0].resource,),
        }
        found.append(Ask("iam:PassRole", str(role), passed))
    return found


def resource(name: str, given: Mapping[str, Any], place: Place) -> str:
    """The ARN that an operation is about, or `*`."""
    if given.get("resourceArn"):
        return str(given["resourceArn"])
    path = _LISTED.get(name) or _path(name, given)
    return f"arn:aws:{_PREFIX}:{place.region}:{place.account}:{path}" if path else "*"


def context(given: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """The condition keys of an input."""
    found: dict[str, Sequence[str]] = {}
    tags = given.get("tags")
    if isinstance(tags, Mapping):
        found |= {f"aws:requesttag/{lower(key)}": (str(value),) for key, value in tags.items()}
        found["aws:tagkeys"] = tuple(tags)
    if given.get("tagKeys"):
        found["aws:tagkeys"] = tuple(given["tagKeys"])
    members = _members(given)
    return {**found, **{f"{_PREFIX}:{key}": values for key, values in members.items() if values}}


def _members(given: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """The service's own keys, from the members that they are named after."""
    jwt = (given.get("authorizerConfiguration") or {}).get("customJWTAuthorizer") or {}
    network = (given.get("networkConfiguration") or {}).get("networkModeConfig") or {}
    engine = given.get("policyEngineConfiguration") or {}
    runtime = "agentRuntimeArtifact" in given
    providers = given.get("credentialProviderConfigurations") or ()
    target = (given.get("targetConfiguration") or {}).get("mcp") or {}
    single = {
        "gatewayauthorizertype": given.get("authorizerType"),
        "runtimeauthorizertype": ("CUSTOM_JWT" if jwt else "AWS_IAM") if runtime else None,
        "discoveryurl": jwt.get("discoveryUrl"),
        "protocoltype": given.get("protocolType"),
        "policyenginearn": engine.get("arn"),
        "policyenginemode": engine.get("mode"),
        "mcptargetconfigurationtype": next(iter(target), None),
        "credentialprovidertype": next((item.get("credentialProviderType") for item in providers), None),
    }
    return {
        **{key: (str(value),) for key, value in single.items() if value},
        "subnets": tuple(network.get("subnets", ())),
        "securitygroups": tuple(network.get("securityGroups", ())),
    }


def _path(name: str, given: Mapping[str, Any]) -> str:
    """What stands behind the account in the ARN; "" for everything."""
    for kind, path in _NAMED:
        if name.endswith(kind) and given.get("name"):
            return f"{path}/{given['name']}"
    if runtime := given.get("agentRuntimeId"):
        whole = f"runtime/{runtime}"
        of_endpoint = name.endswith("RuntimeEndpoint") and not name.startswith("Create")
        return f"{whole}/runtime-endpoint/{given['endpointName']}" if of_endpoint else whole
    if gateway := given.get("gatewayIdentifier"):
        return f"gateway/{str(gateway).rpartition('/')[2]}"
    if engine := given.get("policyEngineId"):
        policy = given.get("policyId")
        return f"policy-engine/{engine}/policy/{policy}" if policy else f"policy-engine/{engine}"
    if name in ("GetTokenVault", "SetTokenVaultCMK"):
        return f"token-vault/{given.get('tokenVaultId', VAULT)}"
    return ""
