"""AgentCore Identity's data plane: workload access tokens and what they open."""

from tests.contracts.operations import DATA, Call
from tests.kit.authorization_server import CLIENT, SECRET

_URL = "https://app.example/done"
_OAUTH2 = {
    "name": "table-tokens",
    "credentialProviderVendor": "CustomOauth2",
    "oauth2ProviderConfigInput": {
        "customOauth2ProviderConfig": {
            "oauthDiscovery": {"discoveryUrl": "${facts.issuer}/.well-known/openid-configuration"},
            "clientId": CLIENT,
            "clientSecret": SECRET,
        }
    },
}
_ANN = {"workloadName": "table-desk", "userId": "ann"}
_ASK = {
    "workloadIdentityToken": "${ann.workloadAccessToken}",
    "resourceCredentialProviderName": "table-tokens",
    "scopes": ["files.read"],
    "oauth2Flow": "USER_FEDERATION",
    "resourceOauth2ReturnUrl": _URL,
}
_KEY = {
    "workloadIdentityToken": "${ann.workloadAccessToken}",
    "resourceCredentialProviderName": "table-key",
}

CALLS = (
    Call("CreateWorkloadIdentity", {"name": "table-desk", "allowedResourceOauth2ReturnUrls": [_URL]}),
    Call("CreateOauth2CredentialProvider", _OAUTH2),
    Call("CreateApiKeyCredentialProvider", {"name": "table-key", "apiKey": "key"}),
    Call("GetWorkloadAccessToken", {"workloadName": "table-desk"}, service=DATA),
    Call(
        "GetWorkloadAccessTokenForJWT",
        {"workloadName": "table-desk", "userToken": "${facts.user_token}"},
        service=DATA,
    ),
    Call("GetWorkloadAccessTokenForUserId", _ANN, save="ann", service=DATA),
    Call("GetResourceApiKey", _KEY, service=DATA),
    Call("GetResourceOauth2Token", _ASK, save="asked", service=DATA),
    Call(
        "CompleteResourceTokenAuth",
        {"sessionUri": "${asked.sessionUri}", "userIdentifier": {"userId": "ann"}},
        visit="${asked.authorizationUrl}",
        service=DATA,
    ),
)
