"""Workload identities and the token vault."""

from tests.contracts.operations import Call

_URLS = {"name": "table", "allowedResourceOauth2ReturnUrls": ["https://app.example/callback"]}
_NAMED = {"name": "table"}
_KEY = "arn:aws:kms:${facts.region}:${facts.account}:key/01234567-0123-0123-0123-0123456789ab"

CALLS = (
    Call("CreateWorkloadIdentity", _URLS),
    Call("GetWorkloadIdentity", _NAMED),
    Call("ListWorkloadIdentities", {"maxResults": 20}),
    Call("UpdateWorkloadIdentity", _URLS),
    Call("DeleteWorkloadIdentity", _NAMED),
    Call("GetTokenVault"),
    Call("SetTokenVaultCMK", {"kmsConfiguration": {"keyType": "CustomerManagedKey", "kmsKeyArn": _KEY}}),
)
