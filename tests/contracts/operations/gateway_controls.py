"""Rate limits and rules of a gateway."""

from tests.contracts.operations import Call

_WHERE = {"gatewayIdentifier": "${gateway.gatewayId}"}
_ENTRIES = [{"dimensions": {"targetName": "*"}, "requests": [{"rate": 5, "period": "second"}]}]
_LIMIT = {"dimensionKeys": ["targetName"], "entries": _ENTRIES}
_NAMED = {**_WHERE, "rateLimitId": "${limit.rateLimitId}"}
_ROUTE = [{"routeToTarget": {"staticRoute": {"targetName": "web"}}}]
_RULE = {**_WHERE, "ruleId": "${rule.ruleId}"}
_WEB = {"http": {"passthrough": {"endpoint": "https://web.example", "protocolType": "CUSTOM"}}}

CALLS = (
    Call(
        "CreateGateway",
        {"name": "controlled", "roleArn": "${facts.role}", "authorizerType": "NONE"},
        save="gateway",
    ),
    Call("CreateGatewayRateLimit", {**_WHERE, **_LIMIT}, save="limit"),
    Call("GetGatewayRateLimit", _NAMED, until="ACTIVE"),
    Call("ListGatewayRateLimits", _WHERE),
    Call("UpdateGatewayRateLimit", {**_NAMED, "entries": _ENTRIES}),
    Call("GetGatewayRateLimit", _NAMED, until="ACTIVE"),
    Call(
        "BatchPutGatewayRateLimits",
        {**_WHERE, "rateLimits": [{"rateLimitId": "${limit.rateLimitId}", **_LIMIT}]},
    ),
    Call("DeleteGatewayRateLimit", _NAMED),
    Call("CreateGatewayTarget", {**_WHERE, "name": "web", "targetConfiguration": _WEB}),
    Call("CreateGatewayRule", {**_WHERE, "priority": 1, "actions": _ROUTE}, save="rule"),
    Call("GetGatewayRule", _RULE, until="ACTIVE"),
    Call("ListGatewayRules", _WHERE),
    Call("UpdateGatewayRule", {**_RULE, "priority": 2}),
    Call("GetGatewayRule", _RULE, until="ACTIVE"),
    Call("DeleteGatewayRule", _RULE),
)
