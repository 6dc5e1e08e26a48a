"""Resource-based policies, on a gateway."""

from tests.contracts.operations import Call

_ARN = {"resourceArn": "${gateway.gatewayArn}"}
_POLICY = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::${facts.account}:'
    'role/nobody"},"Action":"bedrock-agentcore:InvokeGateway","Resource":"${gateway.gatewayArn}"}]}'
)

CALLS = (
    Call(
        "CreateGateway",
        {"name": "guarded", "roleArn": "${facts.role}", "authorizerType": "AWS_IAM"},
        save="gateway",
    ),
    Call("PutResourcePolicy", {**_ARN, "policy": _POLICY}),
    Call("GetResourcePolicy", _ARN),
    Call("DeleteResourcePolicy", _ARN),
)
