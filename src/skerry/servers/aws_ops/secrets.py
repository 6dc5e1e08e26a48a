"""API calls that read like reads and hand out credentials, secrets or contents: no tool may list one.

A prefix such as Get says nothing. The table is kept by hand, from the service authorization reference;
`registry` refuses to start with a tool that lists a call of it, whatever the rest of the code would allow.
"""

from __future__ import annotations

from collections.abc import Mapping

_CREDENTIALS = "hands out AWS credentials"
_TOKEN = "hands out a login or an access token"  # noqa: S105  (words for people)
_SECRET = "hands out a secret in plain text"  # noqa: S105
_KEY = "hands out key material"
_CONTENTS = "hands out contents, not facts about them"
_LINK = "hands out a link or code that may hold secrets"

_BY_SERVICE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "apigateway": {_SECRET: ("GetApiKey", "GetApiKeys")},
    "athena": {_TOKEN: ("CreatePresignedNotebookUrl",)},
    "bedrock-agentcore": {
        _TOKEN: (
            "GetWorkloadAccessToken",
            "GetWorkloadAccessTokenForJWT",
            "GetWorkloadAccessTokenForUserId",
            "GetResourceOauth2Token",
        ),
        _SECRET: ("GetResourceApiKey",),
    },
    "codeartifact": {_TOKEN: ("GetAuthorizationToken",)},
    "cognito-identity": {
        _CREDENTIALS: ("GetCredentialsForIdentity",),
        _TOKEN: ("GetOpenIdToken", "GetOpenIdTokenForDeveloperIdentity"),
    },
    "cognito-idp": {
        _TOKEN: ("InitiateAuth", "AdminInitiateAuth", "GetTokensFromRefreshToken"),
        _SECRET: ("DescribeUserPoolClient",),
    },
    "connect": {_CREDENTIALS: ("GetFederationToken",)},
    "datazone": {_CREDENTIALS: ("GetEnvironmentCredentials",)},
    "dynamodb": {
        _CONTENTS: (
            *("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"),
            *("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"),
        )
    },
    "ec2": {
        _SECRET: ("GetPasswordData", "DescribeInstanceAttribute", "GetLaunchTemplateData"),
        _CONTENTS: ("GetConsoleOutput", "GetConsoleScreenshot"),
    },
    "ecr": {_TOKEN: ("GetAuthorizationToken",), _LINK: ("GetDownloadUrlForLayer",)},
    "ecr-public": {_TOKEN: ("GetAuthorizationToken",)},
    "eks-auth": {_CREDENTIALS: ("AssumeRoleForPodIdentity",)},
    "emr": {_CREDENTIALS: ("GetClusterSessionCredentials",)},
    "emr-containers": {_CREDENTIALS: ("GetManagedEndpointSessionCredentials",)},
    "gamelift": {_CREDENTIALS: ("GetInstanceAccess", "GetComputeAccess"), _TOKEN: ("GetComputeAuthToken",)},
    "iam": {
        _CREDENTIALS: ("CreateAccessKey",),
        _SECRET: (
            "CreateServiceSpecificCredential",
            "ResetServiceSpecificCredential",
            "CreateVirtualMFADevice",
        ),
    },
    "kms": {
        _SECRET: ("Decrypt",),
        _KEY: ("GenerateDataKey", "GenerateDataKeyPair"),
    },
    "lakeformation": {
        _CREDENTIALS: ("GetTemporaryGlueTableCredentials", "GetTemporaryGluePartitionCredentials"),
    },
    "lambda": {
        _LINK: ("GetFunction", "GetLayerVersion", "GetLayerVersionByArn"),
    },
    "lightsail": {
        _KEY: ("DownloadDefaultKeyPair",),
        _CREDENTIALS: ("GetInstanceAccessDetails",),
        _SECRET: ("GetRelationalDatabaseMasterUserPassword",),
    },
    "mwaa": {_TOKEN: ("CreateCliToken", "CreateWebLoginToken")},
    "rds": {_CONTENTS: ("DownloadDBLogFilePortion",)},
    "redshift": {_CREDENTIALS: ("GetClusterCredentials", "GetClusterCredentialsWithIAM")},
    "redshift-serverless": {_CREDENTIALS: ("GetCredentials",)},
    "s3": {
        _CREDENTIALS: ("CreateSession",),
        _CONTENTS: ("GetObject", "GetObjectTorrent", "SelectObjectContent"),
    },
    "s3control": {_CREDENTIALS: ("GetDataAccess",)},
    "sagemaker": {_LINK: ("CreatePresignedDomainUrl", "CreatePresignedNotebookInstanceUrl")},
    "secretsmanager": {_SECRET: ("GetSecretValue", "BatchGetSecretValue", "GetRandomPassword")},
    "signin": {_TOKEN: ("CreateOAuth2Token",)},
    "ssm": {
        _SECRET: ("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"),
        _TOKEN: ("GetAccessToken", "StartSession"),
    },
    "sqs": {_CONTENTS: ("ReceiveMessage",)},
    "sso": {_CREDENTIALS: ("GetRoleCredentials",)},
    "sso-oidc": {_TOKEN: ("CreateToken", "CreateTokenWithIAM")},
    "sts": {
        _CREDENTIALS: (
            "AssumeRole",
            "AssumeRoleWithSAML",
            "AssumeRoleWithWebIdentity",
            "AssumeRoot",
            "GetSessionToken",
            "GetFederationToken",
            "GetDelegatedAccessToken",
        ),
        _TOKEN: ("GetWebIdentityToken",),
    },
}

REFUSED: Mapping[tuple[str, str], str] = {
    (service, api): why
    for service, reasons in _BY_SERVICE.items()
    for why, calls in reasons.items()
    for api in calls
}
"""(service, API call) → what it does, as the end of a sentence that begins with the call."""

# Logins that are made by signing alone, without any API call: nothing to list, but people ask for them.
SIGNED_TOKENS: Mapping[str, str] = {
    "generate_db_auth_token": _TOKEN,
    "get_token": _TOKEN,
    "generate_presigned_url": _LINK,
    "generate_presigned_post": _LINK,
}


def sentence(call: str, why: str) -> str:
    """The refusal, for people."""
    return f"{call} {why}, so none of these tools makes it, although it only reads."
