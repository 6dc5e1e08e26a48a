"""Vendors of OAuth2 credential providers: where each has its authorization server.

The model's names of vendors and of their configurations are AWS's [M]; the addresses are those that the
vendors publish for everybody, and what AWS itself shows for them is not known [I]. A vendor that gives every
customer a server of its own has no address here: its configuration must name one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from skerry.errors import ServiceError, validation

CUSTOM = "CustomOauth2"
INCLUDED = "includedOauth2ProviderConfig"
_WELL_KNOWN = "/.well-known/openid-configuration"

_NAMED: Mapping[str, str] = {
    vendor: f"{vendor[0].lower()}{vendor[1:]}ProviderConfig"
    for vendor in (
        CUSTOM,
        "GoogleOauth2",
        "GithubOauth2",
        "SlackOauth2",
        "SalesforceOauth2",
        "MicrosoftOauth2",
        "AtlassianOauth2",
        "LinkedinOauth2",
    )
}
"""Vendors with a configuration of their own; the others share `includedOauth2ProviderConfig`."""

_DISCOVERED: Mapping[str, str] = {
    "GoogleOauth2": "https://accounts.google.com",
    "SlackOauth2": "https://slack.com",
    "SalesforceOauth2": "https://login.salesforce.com",
    "MicrosoftOauth2": "https://login.microsoftonline.com/{tenant}/v2.0",
    "LinkedinOauth2": "https://www.linkedin.com/oauth",
    "TwitchOauth2": "https://id.twitch.tv/oauth2",
}
"""Issuers that publish a discovery document."""

_PUBLISHED: Mapping[str, tuple[str, str, str]] = {
    "GithubOauth2": (
        "https://github.com",
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
    ),
    "AtlassianOauth2": (
        "https://auth.atlassian.com",
        "https://auth.atlassian.com/authorize",
        "https://auth.atlassian.com/oauth/token",
    ),
    "XOauth2": ("https://x.com", "https://x.com/i/oauth2/authorize", "https://api.x.com/2/oauth2/token"),
    "FacebookOauth2": (
        "https://www.facebook.com",
        "https://www.facebook.com/dialog/oauth",
        "https://graph.facebook.com/oauth/access_token",
    ),
    "YandexOauth2": (
        "https://oauth.yandex.com",
        "https://oauth.yandex.com/authorize",
        "https://oauth.yandex.com/token",
    ),
    "RedditOauth2": (
        "https://www.reddit.com",
        "https://www.reddit.com/api/v1/authorize",
        "https://www.reddit.com/api/v1/access_token",
    ),
    "ZoomOauth2": ("https://zoom.us", "https://zoom.us/oauth/authorize", "https://zoom.us/oauth/token"),
    "SpotifyOauth2": (
        "https://accounts.spotify.com",
        "https://accounts.spotify.com/authorize",
        "https://accounts.spotify.com/api/token",
    ),
    "DropboxOauth2": (
        "https://www.dropbox.com",
        "https://www.dropbox.com/oauth2/authorize",
        "https://api.dropboxapi.com/oauth2/token",
    ),
    "NotionOauth2": (
        "https://api.notion.com",
        "https://api.notion.com/v1/oauth/authorize",
        "https://api.notion.com/v1/oauth/token",
    ),
    "HubspotOauth2": (
        "https://app.hubspot.com",
        "https://app.hubspot.com/oauth/authorize",
        "https://api.hubapi.com/oauth/v1/token",
    ),
}
"""Issuer, authorization and token endpoint of those that publish no discovery document."""


def member(vendor: str) -> str:
    """The member of `oauth2ProviderConfigInput` that goes with a vendor."""
    return _NAMED.get(vendor, INCLUDED)


def discovery(vendor: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """`oauthDiscovery` of a provider whose configuration is `given`.

    Raises ValidationException when the vendor's customers have servers of their own and none is named.
    """
    if vendor == CUSTOM:
        return dict(given["oauthDiscovery"])
    issuer, authorization, token = (
        given.get(name, "") for name in ("issuer", "authorizationEndpoint", "tokenEndpoint")
    )
    if authorization and token:
        return _metadata(issuer or _origin(token), authorization, token)
    if issuer:
        return {"discoveryUrl": f"{issuer.rstrip('/')}{_WELL_KNOWN}"}
    if vendor in _PUBLISHED:
        return _metadata(*_PUBLISHED[vendor])
    if vendor in _DISCOVERED:
        published = _DISCOVERED[vendor].format(tenant=given.get("tenantId", "common"))
        return {"discoveryUrl": f"{published}{_WELL_KNOWN}"}
    raise _unnamed(vendor)


def _unnamed(vendor: str) -> ServiceError:
    message = (
        f"{vendor} needs an issuer, or an authorizationEndpoint and a tokenEndpoint: each customer's own."
    )
    return validation(message, (f"oauth2ProviderConfigInput.{INCLUDED}", message))


def _metadata(issuer: str, authorization: str, token: str) -> Mapping[str, Any]:
    return {
        "authorizationServerMetadata": {
            "issuer": issuer,
            "authorizationEndpoint": authorization,
            "tokenEndpoint": token,
        }
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
