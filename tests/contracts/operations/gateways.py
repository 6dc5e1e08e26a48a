"""Gateways and their targets."""

from tests.contracts.operations import Call

_WHERE = {"gatewayIdentifier": "${gateway.gatewayId}"}
_GATEWAY = {"name": "table", "roleArn": "${facts.role}", "authorizerType": "AWS_IAM"}
_TARGET = {"name": "server", "targetConfiguration": {"mcp": {"mcpServer": {"endpoint": "${facts.server}"}}}}
_AT = {**_WHERE, "targetId": "${target.targetId}"}

CALLS = (
    Call("CreateGateway", {**_GATEWAY, "protocolType": "MCP"}, save="gateway"),
    Call("GetGateway", _WHERE, until="READY"),
    Call("ListGateways", {"maxResults": 1000}),
    Call("UpdateGateway", {**_WHERE, **_GATEWAY, "description": "second"}),
    Call("GetGateway", _WHERE, until="READY"),
    Call("CreateGatewayTarget", {**_WHERE, **_TARGET}, save="target"),
    Call("GetGatewayTarget", _AT, until="READY"),
    Call("ListGatewayTargets", _WHERE),
    Call("UpdateGatewayTarget", {**_AT, **_TARGET, "description": "second"}),
    Call("GetGatewayTarget", _AT, until="READY"),
    Call("SynchronizeGatewayTargets", {**_WHERE, "targetIdList": ["${target.targetId}"]}),
    Call("GetGatewayTarget", _AT, until="READY"),
    Call("DeleteGatewayTarget", _AT),
    Call("DeleteGateway", _WHERE),
)
