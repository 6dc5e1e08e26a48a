"""Control-plane records as the planes read them: from memory, always what was last committed.

What is being deleted is there for the control plane until it is gone, and no more for the data planes.

Kinds and keys of the records:

| kind | key | record |
|---|---|---|
| `runtime` | id | the newest version: GetAgentRuntime's answer |
| `runtime-version` | id/version | GetAgentRuntime's answer for that version |
| `runtime-endpoint` | id/name | GetAgentRuntimeEndpoint's answer |
| `gateway` | id | GetGateway's answer |
| `target` | gateway id/target id | GetGatewayTarget's answer |
| `rate-limit` | gateway id/rate limit id | GetGatewayRateLimit's answer |
| `gateway-rule` | gateway id/rule id | GetGatewayRule's answer |
| `credential-provider` | name | GetOauth2CredentialProvider's answer and the secret |
| `policy-engine` | id | GetPolicyEngine's answer |
| `policy` | engine id/policy id | GetPolicy's answer |
| `resource-policy` | ARN | `policy`, the document as it was given |
| `api-key-provider` | name | GetApiKeyCredentialProvider's answer and `apiKey` |
| `workload-identity` | name | GetWorkloadIdentity's answer |
| `token-vault` | id | GetTokenVault's answer |
| `tags` | ARN | the tags of a resource |
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skerry.auth.discovery import discovery_urls
from skerry.local.ports.resources import Change, Record
from skerry.local.ports.running import Clock
from skerry.local.ports.secrets import Certificates, SecretReference
from skerry.local.state.records import Answered, RecordStore, Write
from skerry.wire.endpoints import gateway_url

ANSWER_LIFETIME = 24 * 3600.0
"""Seconds for which a `clientToken` is remembered."""

_log = logging.getLogger("skerry.local")


@dataclass(frozen=True, slots=True)
class Place:
    """What ARNs and URLs of this stack are made of. `endpoint` has no trailing slash."""

    region: str
    account: str
    endpoint: str


class Resources:
    """The records of one stack. Implements `ports.Resources`; `start` first, `close` last."""

    def __init__(self, store: RecordStore, *, place: Place, clock: Clock) -> None:
        self.place = place
        self._store = store
        self._clock = clock
        self._records: dict[str, dict[str, Record]] = {}
        self._answers: dict[tuple[str, str], Answered] = {}
        self._listeners: list[Callable[[Change], None]] = []

    async def start(self) -> None:
        """Reads the file. Raises StateError."""
        loaded = await self._store.open()
        self._records, self._answers = loaded.records, loaded.answers
        for key, record in self._records.get("gateway", {}).items():
            self._records["gateway"][key] = self.located(record)

    async def close(self) -> None:
        """Closes the file."""
        await self._store.close()

    def located(self, record: Record) -> Record:
        """A gateway's record or answer with the URL of this run: the port may differ between runs."""
        if "gatewayId" not in record or "gatewayUrl" not in record:
            return record
        return {**record, "gatewayUrl": gateway_url(self.place.endpoint, record["gatewayId"])}

    # --- what the planes read

    def runtime(self, identifier: str, qualifier: str = "DEFAULT") -> Record | None:
        """The agent runtime by ARN or id, in the version that the endpoint `qualifier` serves."""
        runtime_id = identifier.rpartition("/")[2]
        newest = _there(self.get("runtime", runtime_id))
        if newest is None or identifier not in (runtime_id, newest["agentRuntimeArn"]):
            return None
        endpoint = _there(self.get("runtime-endpoint", f"{runtime_id}/{qualifier}"))
        if endpoint is None:
            return None
        return self.get("runtime-version", f"{runtime_id}/{endpoint['liveVersion']}")

    def gateway(self, gateway_id: str) -> Record | None:
        """The gateway by id."""
        return _there(self.get("gateway", gateway_id))

    def targets(self, gateway_id: str) -> Sequence[Record]:
        """The gateway's targets, oldest first."""
        return self._served("target", gateway_id)

    def rate_limits(self, gateway_id: str) -> Sequence[Record]:
        """The gateway's rate limits, oldest first."""
        return self._served("rate-limit", gateway_id)

    def gateway_rules(self, gateway_id: str) -> Sequence[Record]:
        """The gateway's rules, oldest first."""
        return self._served("gateway-rule", gateway_id)

    def _served(self, kind: str, gateway_id: str) -> list[Record]:
        return [record for record in self.below(kind, gateway_id) if _there(record) is not None]

    def all_runtimes(self) -> Sequence[Record]:
        """All agent runtimes, oldest first."""
        return [record for record in self.all("runtime") if _there(record) is not None]

    def all_gateways(self) -> Sequence[Record]:
        """All gateways, oldest first."""
        return [record for record in self.all("gateway") if _there(record) is not None]

    def issuer_certificates(self, issuer: str) -> Certificates | None:
        """The private authorities by which the authorizer of a gateway or runtime trusts an issuer.

        None when no authorizer takes its tokens. Raises ConfigurationError for what is no issuer.
        """
        configured = [
            (record.get("authorizerConfiguration") or {}).get("customJWTAuthorizer") or {}
            for record in (*self.all("gateway"), *self.all("runtime"))
        ]
        places = discovery_urls(issuer)
        naming = [jwt for jwt in configured if jwt.get("discoveryUrl") in places]
        private = (jwt.get("certificateConfigurations") for jwt in naming)
        return next(filter(None, private), ()) if naming else None

    def policies(self, engine_arn: str) -> Sequence[Record] | None:
        """The policies of an engine, oldest first; None when there is no such engine."""
        engine = self.get("policy-engine", engine_arn.rpartition("/")[2])
        if engine is None or engine["policyEngineArn"] != engine_arn:
            return None
        return self.below("policy", engine["policyEngineId"])

    def credential_provider(self, arn: str) -> Record | None:
        """An OAuth2 credential provider with its secret.

        AWS's model writes these ARNs with the service `acps`, its guides with `bedrock-agentcore`; both
        name the same provider.
        """
        record = self._provider(arn, "oauth2credentialprovider", "credential-provider")
        return None if record is None else {**record, "callbackUrl": callback_url(self.place, record)}

    def api_key(self, arn: str) -> str | SecretReference | None:
        """The key of an API key credential provider or where it is; the ARN has the same two spellings."""
        record = self._provider(arn, "apikeycredentialprovider", "api-key-provider")
        if record is None:
            return None
        kept = record.get("apiKeySecretConfig")
        return str(record["apiKey"]) if kept is None else SecretReference.of(kept)

    def secret_arn(self, provider_arn: str) -> str:
        """The ARN of the secret of a credential provider of either kind, "" when there is none."""
        oauth = self._provider(provider_arn, "oauth2credentialprovider", "credential-provider") or {}
        key = self._provider(provider_arn, "apikeycredentialprovider", "api-key-provider") or {}
        found = oauth.get("clientSecretArn") or key.get("apiKeySecretArn") or {}
        return str(found.get("secretArn", ""))

    def workload_identity(self, name: str) -> Record | None:
        """The workload identity of that name: GetWorkloadIdentity's answer."""
        return self.get("workload-identity", name)

    def is_linked(self, name: str) -> bool:
        """Whether the workload identity of that name is a runtime's or a gateway's own."""
        return any(self.get(kind, name) is not None for kind in ("runtime", "gateway"))

    def _provider(self, arn: str, resource: str, kind: str) -> Record | None:
        """The record that an ARN in the token vault of this stack names."""
        parts = arn.split(":", 5)
        if len(parts) != 6 or parts[2] not in ("acps", "bedrock-agentcore"):
            return None
        if parts[3:5] != [self.place.region, self.place.account]:
            return None
        vault, _, name = parts[5].partition(f"/{resource}/")
        return self.get(kind, name) if vault == "token-vault/default" else None

    def subscribe(self, listener: Callable[[Change], None]) -> None:
        """Calls `listener` on the event loop after every committed write."""
        self._listeners.append(listener)

    # --- what the control plane reads and writes

    def get(self, kind: str, key: str) -> Record | None:
        """One record."""
        return self._records.get(kind, {}).get(key)

    def all(self, kind: str) -> list[Record]:
        """All records of a kind, oldest first."""
        return list(self._records.get(kind, {}).values())

    def has(self, kind: str) -> bool:
        """Whether there is any record of a kind."""
        return bool(self._records.get(kind))

    def items(self, kind: str) -> list[tuple[str, Record]]:
        """All records of a kind with their keys, oldest first."""
        return list(self._records.get(kind, {}).items())

    def below(self, kind: str, parent: str) -> list[Record]:
        """The records of a kind whose key is below `parent`, oldest first."""
        prefix = f"{parent}/"
        return [record for key, record in self._records.get(kind, {}).items() if key.startswith(prefix)]

    def answered(self, operation: str, token: str) -> Answered | None:
        """What the operation answered to this `clientToken`, unless that is too long ago."""
        found = self._answers.get((operation, token))
        if found is None or found.at < self._clock.time() - ANSWER_LIFETIME:
            return None
        return found

    async def commit(
        self, writes: Sequence[Write], changes: Sequence[Change], answered: Answered | None
    ) -> None:
        """Stores everything or nothing, then tells the listeners. Raises StateError."""
        forget_before = self._clock.time() - ANSWER_LIFETIME
        await self._store.commit(writes, answered, forget_before=forget_before)
        for write in writes:
            records = self._records.setdefault(write.kind, {})
            if write.record is None:
                records.pop(write.key, None)
            else:
                records[write.key] = write.record
        if answered is not None:
            stale = [key for key, old in self._answers.items() if old.at < forget_before]
            for key in stale:
                del self._answers[key]
            self._answers[answered.operation, answered.token] = answered
        self.announce(changes)

    async def keep(self, kind: str, key: str, record: Record | None) -> None:
        """Stores or removes a record that no operation of the control plane has. Raises StateError."""
        await self.commit([Write(kind, key, record)], (), None)

    def announce(self, changes: Sequence[Change]) -> None:
        """Tells the listeners."""
        for change in changes:
            _log.info("%s %s %s", change.kind, change.identifier, change.action)
            for listener in self._listeners:
                listener(change)


def callback_url(place: Place, record: Record) -> str:
    """Where an authorization server sends browsers back to, for the OAuth2 credential provider of a record.

    It stays the same for the life of the provider, but for the port of the stack.
    """
    made = f"{record['credentialProviderArn']} {record['createdTime']}"
    return f"{place.endpoint}/identities/oauth2/callback/{uuid.uuid5(uuid.NAMESPACE_URL, made)}"


def _there(record: Record | None) -> Record | None:
    """The record, unless it is being deleted."""
    return None if record is None or record.get("status") == "DELETING" else record
