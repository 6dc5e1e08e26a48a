"""An authorization request (OAuth 2.1 section 4.1.1, OpenID Connect Core 3.1.2.1), checked.

First the client and its redirect URI: while these are in doubt, a person sees a page and nothing is sent
anywhere. Then all else: what is wrong with it goes back to the client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from skerry.errors import SkerryError, TokenError
from skerry.idp import form
from skerry.idp.authorize import consents, redirects
from skerry.idp.clients import redirect_uris
from skerry.idp.form import Form
from skerry.idp.issuer import Issuer
from skerry.idp.kept.codes import CHALLENGE
from skerry.idp.oauth_errors import OAuthError, invalid_request, unauthorized_client
from skerry.idp.realms import AUTHORIZATION_CODE, Client
from skerry.idp.wanted import wanted

LONGEST = 8192
"""Bytes of a request; also what a page carries in its form."""

PROMPTS = ("none", "login", "consent", "select_account")

_QUERY = re.compile(r"[\x21\x22\x24-\x7e]*\Z")
_SECONDS = re.compile(r"[0-9]{1,9}\Z")
_UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
"""Parameters that would change whom or what the answer is about, so that to pass over them were wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the answer of a request goes. Every one names its issuer (RFC 9207), errors too.

    `by_itself` says whether it may go there though no person was asked.
    """

    redirect_uri: str
    issuer: str
    state: str = field(default="", repr=False)
    by_itself: bool = True

    def url(self, **members: str) -> str:
        """The redirect URI with these parameters; its own query stays."""
        added = {**members, "state": self.state, "iss": self.issuer}
        query = urlencode({name: value for name, value in added.items() if value})
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{query}"


class SentBackError(SkerryError):
    """A request that is refused to the client: by a redirect, or a page with a link when not `by_itself`.

    `client_id` is for the recorder.
    """

    def __init__(self, answer: Answer, error: OAuthError, client_id: str) -> None:
        super().__init__(error.message)
        self.error = error
        self.client_id = client_id
        body = error.body()
        self.url = answer.url(**body)
        self.by_itself = answer.by_itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that may be granted.

    `query` is what was sent, `max_age` seconds or None, `subject` who the id_token_hint names.
    """

    query: str = field(repr=False)
    client: Client
    answer: Answer
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    challenge: str
    nonce: str = field(repr=False)
    prompts: frozenset[str]
    max_age: int | None
    login_hint: str = field(repr=False)
    subject: str = ""

    def is_about_another_than(self, subject: str) -> bool:
        """Whether an id_token_hint names somebody else (OpenID Connect Core section 3.1.2.1)."""
        return self.subject not in ("", subject)

    def refused(self, error: str, message: str, *, asked: bool = False) -> SentBackError:
        """The refusal to raise; `asked` says that the person saw where it goes, and decided."""
        answer = replace(self.answer, by_itself=asked or self.answer.by_itself)
        return SentBackError(answer, OAuthError(error, message), self.client.id)


async def read(issuer: Issuer, query: str) -> Request:
    """The request in a query string.

    Raises OAuthError when nothing may be sent to anybody, SentBackError when the client may be told, and
    StateError.
    """
    names = parameters(query)
    client, redirect_uri = await _whom(issuer, names)
    by_itself = await consents.may_return(issuer.records, issuer.realm, client, redirect_uri)
    answer = Answer(redirect_uri, issuer.url, _single(names, "state"), by_itself)
    try:
        checked = _checked(issuer, client, answer, names, query)
        return replace(checked, subject=await _hinted(issuer, client, _single(names, "id_token_hint")))
    except OAuthError as error:
        raise SentBackError(answer, error, client.id) from error


def parameters(query: str) -> Mapping[str, tuple[str, ...]]:
    """The parameters of a link. Raises OAuthError (invalid_request) for what is none, or too long."""
    if len(query) > LONGEST or not _QUERY.match(query):
        raise invalid_request(f"The request is longer than {LONGEST} bytes, or not percent-encoded.")
    return form.fields(query.encode("ascii"))


async def _whom(issuer: Issuer, names: Mapping[str, tuple[str, ...]]) -> tuple[Client, str]:
    """The client and where its answer goes, or an OAuthError for a page."""
    client_id, redirect_uri = _single(names, "client_id"), _single(names, "redirect_uri")
    if not client_id:
        raise invalid_request("The link names no client, or more than one: client_id is missing or doubled.")
    client = await issuer.directory.client(client_id)
    if client is None:
        raise OAuthError("invalid_client", "No client with this client_id is registered here.")
    if not redirect_uri:
        raise invalid_request("The link has no redirect_uri, or more than one.")
    if not redirects.is_registered(redirect_uri, client.redirect_uris) or redirect_uris.problem(redirect_uri):
        raise invalid_request(
            "The redirect_uri is not one that the client registered. They are compared letter by letter; "
            "only the port of http://127.0.0.1 and http://[::1] is free."
        )
    return client, redirect_uri


def _checked(
    issuer: Issuer, client: Client, answer: Answer, names: Mapping[str, tuple[str, ...]], query: str
) -> Request:
    if form.doubled(names):
        raise invalid_request("A parameter occurs more than once; only resource and audience may.")
    asked = form.present(names)
    if AUTHORIZATION_CODE not in issuer.dialect.grants or AUTHORIZATION_CODE not in client.grants:
        raise unauthorized_client(f"This client may not use the grant {AUTHORIZATION_CODE}.")
    if asked.required("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type can only be code.")
    if asked.one("response_mode") not in ("", "query"):
        raise invalid_request("response_mode can only be query.")
    for name, error in _UNSUPPORTED.items():
        if asked.one(name):
            raise OAuthError(error, f"The parameter {name} is not supported here.")
    scopes, resources = wanted(issuer, client, asked)
    return Request(
        query=query,
        client=client,
        answer=answer,
        scopes=scopes,
        resources=resources,
        challenge=_challenge(asked),
        nonce=asked.one("nonce"),
        prompts=_prompts(asked),
        max_age=_max_age(asked),
        login_hint=asked.one("login_hint")[:256],
    )


async def _hinted(issuer: Issuer, client: Client, token: str) -> str:
    """Whom an ID token of this client names, also an expired one; empty without a token."""
    if not token:
        return ""
    await issuer.ready()
    try:
        claims = await issuer.hinted(token)
    except TokenError as error:
        raise invalid_request("id_token_hint is no ID token that this issuer signed.") from error
    if claims["aud"] != client.id:
        raise invalid_request("id_token_hint is another client's.")
    return str(claims["sub"])


def _challenge(asked: Form) -> str:
    """PKCE by S256 (RFC 7636), of every client; no method would mean plain."""
    challenge = asked.one("code_challenge")
    if not challenge:
        raise invalid_request("code_challenge is missing: PKCE is required of every client (RFC 7636).")
    if asked.one("code_challenge_method") != "S256":
        raise invalid_request(
            "code_challenge_method must be S256; plain, also by leaving it out, is refused."
        )
    if not CHALLENGE.match(challenge):
        raise invalid_request("code_challenge must be SHA-256 in base64url: 43 characters, no padding.")
    return challenge


def _prompts(asked: Form) -> frozenset[str]:
    found = frozenset(asked.one("prompt").split())
    if not found <= set(PROMPTS):
        raise invalid_request(f"prompt holds {', '.join(PROMPTS)}.")
    if "none" in found and len(found) > 1:
        raise invalid_request("prompt none stands alone.")
    return found


def _max_age(asked: Form) -> int | None:
    value = asked.one("max_age")
    if value and not _SECONDS.match(value):
        raise invalid_request("max_age is a number of seconds.")
    return int(value) if value else None


def _single(names: Mapping[str, tuple[str, ...]], name: str) -> str:
    """The one value of a parameter; empty when it is absent or doubled."""
    found = names.get(name, ())
    return found[0] if len(found) == 1 else ""
