"""Credential providers."""

from tests.contracts.operations import Call

_OAUTH2 = {
    "name": "table",
    "credentialProviderVendor": "CustomOauth2",
    "oauth2ProviderConfigInput": {
        "customOauth2ProviderConfig": {
            "oauthDiscovery": {"discoveryUrl": "https://issuer.example/.well-known/openid-configuration"},
            "clientId": "client",
            "clientSecret": "secret",
        }
    },
}
_NAMED = {"name": "table"}

CALLS = (
    Call("CreateOauth2CredentialProvider", _OAUTH2),
    Call("GetOauth2CredentialProvider", _NAMED),
    Call("ListOauth2CredentialProviders", {"maxResults": 20}),
    Call("UpdateOauth2CredentialProvider", _OAUTH2),
    Call("DeleteOauth2CredentialProvider", _NAMED),
)

_KEY = {"name": "table", "apiKey": "key"}
CALLS += (
    Call("CreateApiKeyCredentialProvider", _KEY),
    Call("GetApiKeyCredentialProvider", _NAMED),
    Call("ListApiKeyCredentialProviders", {"maxResults": 20}),
    Call("UpdateApiKeyCredentialProvider", _KEY),
    Call("DeleteApiKeyCredentialProvider", _NAMED),
)
