"""USER_FEDERATION: the authorization code flow, from the link to the token.

The code is turned into a token when the person has been told apart from others, not before: whoever consents
for somebody else consents for nobody.

Sources: RFC 6749 §4.1, RFC 7636 (PKCE), RFC 9207 (`iss`), RFC 9700 §2.1 and §4.7 (browser binding);
AgentCore developer guide, "OAuth 2.0 authorization URL session binding".
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from skerry.auth import pkce
from skerry.errors import RemoteError, ServiceError, SkerryError, access_denied
from skerry.local.identity.consents import Consent, Consents
from skerry.local.identity.grants import Grants, custom
from skerry.local.identity.kept_tokens import KeptToken, KeptTokens
from skerry.local.identity.providers import Provider, Providers, version
from skerry.local.identity.settings import IdentitySettings
from skerry.local.identity.shared import Shared
from skerry.local.identity.vault_file import digest
from skerry.local.ports.running import Clock

MAX_CODE = 8192
_SAFE = "%/:=&?~#+!$,;'@()*[]"


class ConsentError(SkerryError):
    """A browser came where it cannot go on; the text is for the person in front of it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Where the browser goes from the link, and the cookie by which it is known again."""

    location: str
    cookie: str
    value: str


class Federation:
    """Consents as browsers and applications carry them on."""

    def __init__(
        self,
        *,
        providers: Providers,
        grants: Grants,
        consents: Consents,
        kept: KeptTokens,
        clock: Clock,
        settings: IdentitySettings,
    ) -> None:
        self._providers = providers
        self._grants = grants
        self._consents = consents
        self._kept = kept
        self._clock = clock
        self._table = settings.table
        self._completing: Shared[None] = Shared()

    async def close(self) -> None:
        """Ends what is being completed."""
        await self._completing.close()

    # --- the browser

    async def open(self, request_uri: str) -> Opened:
        """The link was opened: on to the authorization server. Raises ConsentError.

        Opened again, the earlier opening is void.
        """
        consent = self._consents.find(request_uri)
        if consent is None or consent.status not in ("waiting", "open"):
            raise ConsentError("This link is not valid any more.", hint="Ask the application for a new one.")
        try:
            provider = await self._current(consent)
        except SkerryError as problem:
            raise ConsentError(
                "The authorization server cannot be reached, or its provider has changed.",
                hint="Try again in a moment, or ask the application for a new link.",
            ) from problem
        state, browser, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        await self._consents.put(
            replace(
                consent,
                status="open",
                state=digest(state),
                browser=digest(browser),
                verifier=verifier,
                issuer=provider.server.issuer,
            )
        )
        return Opened(_authorization(provider, consent, state, verifier), cookie_name(consent.id), browser)

    async def returned(self, callback: str, query: bytes, cookies: Mapping[str, str]) -> str:
        """The browser came back to a provider's callback URL: where it goes now. Raises ConsentError."""
        given = _answer(query)
        consent = self._consents.by_state(given.get("state", ""))
        if consent is None:
            raise ConsentError(
                "This answer belongs to no consent that is under way.",
                hint="It may have been used before, or its ten minutes are over. Start again.",
            )
        brought = digest(cookies.get(cookie_name(consent.id), ""))
        if not hmac.compare_digest(brought, consent.browser):
            raise ConsentError(
                "This answer belongs to another browser.", hint="Open the link and consent in one browser."
            )
        await self._consents.put(replace(consent, state="", browser=""))  # used, before anything else is done
        problem = await self._wrong(consent, callback, given)
        if problem:
            await self._consents.put(consent.ended("failed"))
            raise ConsentError(problem, hint="Nothing was granted. Ask the application for a new link.")
        await self._consents.put(
            replace(consent, status="returned", state="", browser="", code=given["code"])
        )
        return _with(
            consent.ask.return_url,
            {
                self._table.session_parameter: consent.uri,
                **(
                    {self._table.state_parameter: consent.ask.custom_state}
                    if consent.ask.custom_state
                    else {}
                ),
            },
        )

    async def _wrong(self, consent: Consent, callback: str, given: Mapping[str, str]) -> str:
        """Why an answer cannot be taken, or nothing."""
        try:
            provider = await self._current(consent)
        except SkerryError:
            return "The credential provider has changed or cannot be reached."
        if callback != provider.callback_url.rpartition("/")[2]:
            return "The answer came to the address of another provider."
        issuer = given.get("iss")
        if issuer != consent.issuer if issuer is not None else provider.server.sends_iss:
            return "The answer is not from the authorization server that was asked."
        if "error" in given:
            return "The authorization server did not grant access."
        if not 0 < len(given.get("code", "")) <= MAX_CODE:
            return "The authorization server sent no code."
        return ""

    # --- the application

    async def complete(self, uri: str, user: str) -> None:
        """CompleteResourceTokenAuth. Raises ServiceError (403; or what the authorization server means)."""
        consent = self._consents.find(uri)
        if consent is None or consent.status not in ("returned", "done"):
            raise access_denied(self._table.invalid_session)
        if not hmac.compare_digest(consent.ask.user.encode(), user.encode()):
            if self._table.wrong_person_ends and consent.status == "returned":
                await self._consents.put(consent.ended("failed"))
            raise access_denied(self._table.invalid_session)
        if consent.status == "returned":
            await self._completing.do(consent.id, lambda: self._finish(consent))

    async def _finish(self, consent: Consent) -> None:
        """A code is good once: whatever becomes of it, it is not tried again."""
        await self._consents.put(replace(consent, code="", verifier=""))
        try:
            if not consent.code:  # the stack ended while it was being used
                raise access_denied(self._table.invalid_session)
            provider = await self._current(consent)
            now = self._clock.time()
            grant = await self._grants.code(provider, consent.ask, consent.code, consent.verifier)
            await self._current(consent)  # still
        except SkerryError as problem:
            await self._consents.put(consent.ended("failed"))
            if isinstance(problem, RemoteError):
                raise ServiceError("InternalServerException", 500, problem.message) from problem
            raise
        await self._kept.keep_person(consent.key, KeptToken.of(grant, provider.arn, now))
        await self._consents.put(consent.ended("done"))

    async def _current(self, consent: Consent) -> Provider:
        """The provider, which must be as it was. Raises SkerryError."""
        arn = consent.ask.provider_arn
        if version(self._providers.record(arn)) != consent.version:
            raise access_denied(self._table.invalid_session)
        return await self._providers.get(arn)


def cookie_name(consent_id: str) -> str:
    """The name of the cookie that binds a consent to a browser; several can be under way in one."""
    return f"skerry-consent-{digest(consent_id)[:16]}"


def _authorization(provider: Provider, consent: Consent, state: str, verifier: str) -> str:
    """The authorization request; custom parameters never take the place of the flow's own."""
    ask = consent.ask
    pairs = [
        *custom(ask).items(),
        ("response_type", "code"),
        ("client_id", provider.client_id),
        ("redirect_uri", provider.callback_url),
        ("state", state),
        ("code_challenge", pkce.challenge(verifier)),
        ("code_challenge_method", "S256"),
        *((("scope", " ".join(ask.scopes)),) if ask.scopes else ()),
        *(("resource", resource) for resource in ask.resources),
        *(("audience", audience) for audience in ask.audiences),
    ]
    return _joined(provider.server.authorization_endpoint, pairs)


def _with(url: str, parameters: Mapping[str, str]) -> str:
    return _joined(url, list(parameters.items()))


def _joined(url: str, pairs: list[tuple[str, str]]) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(pairs, quote_via=quote))))
    return quote(urlunsplit(parts._replace(query=query)), safe=_SAFE)


def _answer(query: bytes) -> dict[str, str]:
    """The parameters of an authorization response, none of them twice (RFC 6749 §3.1).

    Raises ConsentError.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError as error:
        raise ConsentError("The answer of the authorization server cannot be read.") from error
    if len(dict(pairs)) != len(pairs):
        raise ConsentError("The answer of the authorization server has a parameter twice.")
    return dict(pairs)
