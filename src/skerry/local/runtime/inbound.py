"""Who may call a runtime: a SigV4 signature, or a bearer token where the runtime has a JWT authorizer.

Source: AWS developer guide, inbound authorization; texts and status codes of failures from field reports,
see `Unknowns` for those that differ between years. Exactly one method holds per runtime, the other is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from skerry.auth.challenge import Challenge, ResourceMetadata, build
from skerry.auth.jwt.authorizer import JwtAuthorizer
from skerry.auth.jwt.keys import Fetch, Keys
from skerry.auth.jwt.tokens import bearer
from skerry.errors import (
    ConfigurationError,
    ServiceError,
    TokenError,
    access_denied,
    not_found,
    validation,
)
from skerry.local.http.body import Body
from skerry.local.iam import workloads
from skerry.local.ports.asgi import Scope
from skerry.local.ports.callers import Access, Caller
from skerry.local.ports.running import Clock
from skerry.local.ports.secrets import Authorities
from skerry.local.runtime import envelopes, texts
from skerry.local.runtime.envelopes import Answer
from skerry.local.runtime.record import Runtime
from skerry.local.runtime.settings import Unknowns
from skerry.wire import origins
from skerry.wire.endpoints import invocation_url, runtime_identifier

SERVICE = "bedrock-agentcore"
_MISMATCH: Mapping[str, str] = {"audience": "aud", "client": "client_id", "issuer": "iss"}
_CACHED = 256
MAX_PRESIGNED = 300
"""Seconds that a presigned WebSocket URL may live: bedrock-agentcore SDK source."""
_WORKLOADS = "allowedWorkloadConfiguration"
_PROOF = workloads.HEADER.encode("ascii")


class RefusedError(Exception):
    """A caller was refused; `answer` is the whole response."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def presented(scope: Scope) -> Literal["signature", "token", ""]:
    """What a request shows as its authorization."""
    for name, value in scope["headers"]:
        if name.lower() == b"authorization":
            return "signature" if value.startswith(b"AWS4-") else "token"
    return "signature" if b"X-Amz-Signature=" in scope["query_string"] else ""


class Inbound:
    """Checks callers.

    `fetch` gets discovery documents and keys of token issuers, who go by `clock`; `authorities` reach those
    with a certificate of a private one.
    """

    def __init__(
        self,
        *,
        access: Access,
        fetch: Fetch,
        authorities: Authorities,
        clock: Clock,
        endpoint: str,
        unknowns: Unknowns,
    ) -> None:
        self._access = access
        self._fetch = fetch
        self._authorities = authorities
        self._clock = clock
        self._endpoint = endpoint
        self._unknowns = unknowns
        self._keys: dict[tuple[str, Fetch], Keys] = {}
        self._authorizers: dict[tuple[str, str], JwtAuthorizer] = {}

    async def signer(self, scope: Scope, body: bytes) -> Caller:
        """The principal that signed a request. Raises ServiceError (403).

        A presigned URL of a WebSocket lives shorter than others.
        """
        longest = MAX_PRESIGNED if scope["type"] == "websocket" else None
        return await self._access.signed_by(scope, body, service=SERVICE, max_expires=longest)

    async def caller(self, runtime: Runtime, scope: Scope, body: Body) -> Caller:
        """The caller; the body is read where it is part of the signature.

        A page from elsewhere may not call an MCP server, whatever it shows (MCP, transports).
        Raises ServiceError and RefusedError.
        """
        if runtime.protocol.name == "MCP":
            _check_origin(scope)
        shown = presented(scope)
        if runtime.authorizer is None:
            if shown == "token":
                raise access_denied(texts.METHOD_MISMATCH)
            return await self.signer(scope, await body.read())
        if shown == "signature":
            raise access_denied(texts.METHOD_MISMATCH)
        return await self._bearer(runtime, runtime.authorizer, scope)

    async def metadata(self, runtime: Runtime) -> dict[str, Any]:
        """The protected resource metadata of a runtime (RFC 9728).

        Raises ServiceError: 404 for a runtime without JWT authorizer, 500 when its issuer is out of reach.
        """
        if runtime.authorizer is None:
            raise not_found("This runtime is called with AWS signatures; it has no authorization server.")
        authorizer = self._authorizer(runtime, runtime.authorizer)
        try:
            issuer = await authorizer.issuer()
        except TokenError as problem:
            raise ServiceError("InternalServerException", 500, str(problem)) from problem
        resource = invocation_url(self._endpoint, runtime.arn, qualifier=runtime.qualifier)
        return ResourceMetadata(resource, (issuer,), authorizer.advertised_scopes).document()

    async def _bearer(self, runtime: Runtime, configuration: Mapping[str, Any], scope: Scope) -> Caller:
        given = [
            value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"authorization"
        ]
        authorizer = self._authorizer(runtime, configuration)
        try:
            claims = await authorizer.authorize(given)
        except TokenError as problem:
            raise RefusedError(self._refusal(runtime, authorizer, problem)) from problem
        if allowed := configuration.get(_WORKLOADS):
            self._check_workload(scope, allowed)
        return Caller(kind="jwt", claims=claims, token=bearer(given))

    def _check_workload(self, scope: Scope, configuration: Mapping[str, Any]) -> None:
        """Raises ServiceError (403) unless a gateway that the runtime names sends the request."""
        proof = next((value for name, value in scope["headers"] if name == _PROOF), None)
        if proof is None:
            raise access_denied(texts.NO_WORKLOAD)
        audience = runtime_identifier(scope["raw_path"])
        workload = self._access.workloads.proved(proof.decode("latin-1"), audience[0] if audience else "")
        if workload is None or not workloads.allowed(configuration, workload):
            raise access_denied(texts.DENIED)

    def _authorizer(self, runtime: Runtime, configuration: Mapping[str, Any]) -> JwtAuthorizer:
        found = self._authorizers.get(runtime.key)
        if found is None:
            url = configuration["discoveryUrl"]
            certificates = configuration.get("certificateConfigurations")
            fetch = self._authorities.http(certificates).fetch if certificates else self._fetch
            keys = self._keys.setdefault((url, fetch), Keys(url, fetch=fetch, clock=self._clock))
            try:
                # Its own check follows the token's; the authorizer knows what is in tokens only.
                rules = {name: rule for name, rule in configuration.items() if name != _WORKLOADS}
                found = JwtAuthorizer(rules, keys)
            except ConfigurationError as problem:
                raise ServiceError("InternalServerException", 500, str(problem)) from problem
            if len(self._authorizers) >= _CACHED:
                self._authorizers.clear()
            self._authorizers[runtime.key] = found
        return found

    def _refusal(self, runtime: Runtime, authorizer: JwtAuthorizer, problem: TokenError) -> Answer:
        unknowns = self._unknowns
        lacks_scope = problem.reason == "scope" and unknowns.challenge_scopes
        malformed = problem.reason == "request" and unknowns.several_tokens_status == 400
        if problem.reason == "missing":
            answer = envelopes.missing_token(texts.NO_TOKEN)
        elif malformed:
            answer = envelopes.plain(validation(texts.SEVERAL_TOKENS))
        else:
            error = refusal(problem, unknowns.claim_mismatch_status)
            # A token that cannot be read is refused at the front door, before the protocol matters.
            if error.message.startswith(texts.OAUTH_PREFIX):
                answer = envelopes.plain(error)
            else:
                answer = envelopes.error(runtime.protocol.name, error)
        if answer.status != 401 and not (lacks_scope or malformed):
            return answer
        challenge = build(
            Challenge(
                error="insufficient_scope" if lacks_scope else "invalid_request" if malformed else "",
                scopes=authorizer.advertised_scopes,
                resource_metadata=self._metadata_url(runtime),
            )
        )
        header = (b"www-authenticate", challenge.encode("latin-1"))
        return Answer(answer.status, answer.body, (*answer.headers, header))

    def _metadata_url(self, runtime: Runtime) -> str:
        path = f"/runtimes/{quote(runtime.arn, safe='')}/invocations/.well-known/oauth-protected-resource"
        return f"{self._endpoint.rstrip('/')}{path}?qualifier={quote(runtime.qualifier, safe='')}"


def _check_origin(scope: Scope) -> None:
    """Raises ServiceError (403) for a request that a web page from elsewhere made a browser send."""
    found = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"origin"]
    if any(origins.foreign(origin) for origin in found):
        raise access_denied(texts.FOREIGN_ORIGIN)


def refusal(problem: TokenError, mismatch_status: int) -> ServiceError:
    """AWS's answer to a token that does not hold, by the reason why it does not."""
    if problem.reason == "expired":
        return ServiceError("UnauthorizedException", 401, texts.EXPIRED)
    if problem.reason in _MISMATCH:
        text = texts.claim_mismatch(_MISMATCH[problem.reason])
        if mismatch_status == 403:
            return access_denied(texts.OAUTH_PREFIX + text)
        return ServiceError("UnauthorizedException", 401, text)
    if problem.reason in ("scope", "claim"):
        return access_denied(texts.DENIED)
    if problem.reason in ("not-yet", "kind"):
        return ServiceError("UnauthorizedException", 401, problem.message)
    if problem.reason == "unreachable":
        return access_denied(texts.OAUTH_PREFIX + str(problem))
    return access_denied(texts.UNPARSED)
