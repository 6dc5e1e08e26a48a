"""Who may call a gateway: SigV4, a bearer token, or everybody, as its authorizer says.

Source: AWS developer guide, gateway inbound authorization. The texts of refusals are in `assumptions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skerry.auth import challenge
from skerry.auth.http.outside import Http
from skerry.auth.jwt.authorizer import JwtAuthorizer
from skerry.auth.jwt.keys import Keys
from skerry.auth.jwt.tokens import bearer
from skerry.errors import ConfigurationError, ServiceError, TokenError
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.ports.asgi import Scope
from skerry.local.ports.callers import Access, Caller
from skerry.local.ports.permissions import Ask, Notes, Permissions, Unrestricted
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock
from skerry.local.ports.secrets import Authorities
from skerry.wire import jsonrpc

SIGNING_NAME = "bedrock-agentcore"
INVOKE = "bedrock-agentcore:InvokeGateway"
ANONYMOUS = Caller(kind="anonymous")
_CLAIM_OF = {"audience": "aud", "client": "client_id"}
_UNSIGNED = frozenset({"MissingAuthenticationTokenException", "IncompleteSignatureException"})
_CERTIFICATES = "certificateConfigurations"
_FORBIDDEN = frozenset({"audience", "client", "claim"})


class Refusal(Exception):  # noqa: N818  (it is an answer)
    """The answer to a request that may not come in; `reason` is that of the TokenError."""

    def __init__(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...], reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.body = body
        self.headers = headers
        self.reason = reason


class Door:
    """Admits callers. `clock` is the one that tokens end by.

    `transport` asks issuers, `authorities` those with a certificate of a private one;
    `table` has the texts of refusals, `permissions` the policies of gateways.
    """

    def __init__(
        self,
        *,
        access: Access,
        transport: Http,
        authorities: Authorities,
        clock: Clock,
        table: Assumptions,
        permissions: Permissions | None = None,
    ) -> None:
        self._access = access
        self._transport = transport
        self._authorities = authorities
        self._clock = clock
        self._table = table
        self._permissions: Permissions = permissions or Unrestricted()
        self._keys: dict[tuple[str, Http], Keys] = {}
        self._authorizers: dict[str, tuple[Mapping[str, Any], JwtAuthorizer]] = {}

    def reads_body(self, gateway: Record) -> bool:
        """Whether callers prove themselves with a signature, which covers the body."""
        kind = gateway.get("authorizerType")
        offloaded = kind == "AUTHENTICATE_ONLY" and self._table.authenticate_only == "SIGV4"
        return kind == "AWS_IAM" or offloaded

    async def admit(
        self, gateway: Record, scope: Scope, body: bytes, metadata_url: Callable[[], str]
    ) -> Caller:
        """The caller, as proved. `metadata_url` tells a refused one where to read on.

        Raises Refusal for a bearer token that is missing or does not hold, ServiceError (403) for a
        signature, and ConfigurationError for an authorizer that is not served here.
        """
        kind = gateway.get("authorizerType")
        if self.reads_body(gateway):
            return await self._signer(scope, body)
        if kind in ("CUSTOM_JWT", "AUTHENTICATE_ONLY"):
            return await self._bearer(gateway, scope, metadata_url)
        if kind == "NONE":
            return ANONYMOUS
        raise ConfigurationError(f"The authorizer type {kind} is not served by this gateway.")

    async def permit(self, gateway: Record, caller: Caller, notes: Notes) -> None:
        """Raises AccessDeniedException (403) for a caller whom policies of IAM or the gateway do not let in.

        A gateway that does not authorize asks for no allow; a deny of its own policy counts there too.
        """
        is_open = gateway.get("authorizerType") != "AWS_IAM"
        await self._permissions.check(caller, [Ask(INVOKE, str(gateway["gatewayArn"]), open=is_open)], notes)

    async def metadata(self, gateway: Record, resource: str) -> bytes | None:
        """The RFC 9728 document of a gateway, None for one without tokens.

        Raises TokenError (unreachable).
        """
        if gateway.get("authorizerType") in (None, "NONE") or self.reads_body(gateway):
            return None
        authorizer = self._authorizer(gateway)
        shown = challenge.ResourceMetadata(
            resource, (await authorizer.issuer(),), authorizer.advertised_scopes
        )
        return jsonrpc.encode(shown.document())

    async def issuer(self, gateway: Record) -> str:
        """The issuer of a gateway's callers. Raises TokenError (unreachable), ConfigurationError."""
        return await self._authorizer(gateway).issuer()

    def http(self, gateway: Record) -> Http:
        """HTTP towards the issuer of a gateway's callers."""
        certificates = _jwt(gateway).get(_CERTIFICATES)
        return self._authorities.http(certificates) if certificates else self._transport

    async def genuine(self, gateway: Record, token: str) -> Mapping[str, Any]:
        """The claims of a token of that issuer, whoever it is for. Raises TokenError, ConfigurationError."""
        return await self._authorizer(gateway).genuine(token)

    def forget(self, gateway_id: str) -> None:
        """Drops what is kept for a gateway that was deleted."""
        self._authorizers.pop(gateway_id, None)

    async def _signer(self, scope: Scope, body: bytes) -> Caller:
        try:
            return await self._access.signed_by(scope, body, service=SIGNING_NAME)
        except ServiceError as problem:
            if problem.name in _UNSIGNED:
                raise ServiceError(
                    self._table.iam_refusal, 403, problem.message, hint=problem.hint
                ) from problem
            raise

    async def _bearer(self, gateway: Record, scope: Scope, metadata_url: Callable[[], str]) -> Caller:
        sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        authorizer = self._authorizer(gateway)
        try:
            claims = await authorizer.authorize(sent)
            return Caller(kind="jwt", claims=claims, token=bearer(sent))
        except TokenError as problem:
            raise self._refusal(problem, authorizer.advertised_scopes, metadata_url()) from problem

    def _authorizer(self, gateway: Record) -> JwtAuthorizer:
        gateway_id = str(gateway["gatewayId"])
        configuration = _jwt(gateway)
        if gateway.get("authorizerType") == "AUTHENTICATE_ONLY":  # whose token it is, and nothing more
            configuration = {name: configuration.get(name) for name in ("discoveryUrl", _CERTIFICATES)}
        known = self._authorizers.get(gateway_id)
        if known is not None and (known[0] is configuration or known[0] == configuration):
            return known[1]
        url = configuration.get("discoveryUrl")
        if not isinstance(url, str):
            raise ConfigurationError("The gateway's customJWTAuthorizer has no discoveryUrl.")
        http = self.http(gateway)
        keys = self._keys.get((url, http))
        if keys is None:
            keys = self._keys[url, http] = Keys(url, fetch=http.fetch, clock=self._clock)
        authorizer = JwtAuthorizer(configuration, keys)
        self._authorizers[gateway_id] = (configuration, authorizer)
        return authorizer

    def _refusal(self, problem: TokenError, scopes: tuple[str, ...], metadata_url: str) -> Refusal:
        """The HTTP answer for a token problem; the id of the message is 0, whatever the request's was."""
        table, reason = self._table, problem.reason
        status, code, text, error = 401, table.unauthorized_code, table.invalid_token, "invalid_token"
        if reason == "missing":
            text, error = table.missing_token, ""
        elif reason == "request":
            status, code, text, error = (
                table.several_tokens_status,
                jsonrpc.INVALID_REQUEST,
                table.several_tokens,
                "invalid_request",
            )
        elif reason == "scope":
            status, code, text, error = (
                403,
                table.forbidden_code,
                table.insufficient_scope,
                "insufficient_scope",
            )
        elif reason in _FORBIDDEN:
            status, code = table.claim_mismatch_status, table.forbidden_code
            text = (
                table.claim_mismatch.format(claim=_CLAIM_OF[reason])
                if reason in _CLAIM_OF
                else problem.message
            )
        description = str(problem) if error == "invalid_token" else ""
        shown = challenge.Challenge(error, description, scopes, metadata_url)
        challenged = status == 401 or reason in ("scope", "request")
        headers = (("www-authenticate", challenge.build(shown)),) if challenged else ()
        return Refusal(status, jsonrpc.error(0, code, text), headers, reason)


def _jwt(gateway: Record) -> Mapping[str, Any]:
    """The customJWTAuthorizer of a gateway, empty where there is none."""
    return (gateway.get("authorizerConfiguration") or {}).get("customJWTAuthorizer") or {}
