from __future__ import annotations

from collections.abc import Callable
from typing import Any

_CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11112222-3333-4444-5555-666677778888"
_BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/inside/1"


def fill(client: Callable[..., Any]) -> dict[str, Any]:
    """A REST API with a method, stage, authorizer and plan among others; an HTTP and a WebSocket API."""
    return {**_rest(client("apigateway")), **_http(client("apigatewayv2"))}


def _rest(rest: Any) -> dict[str, Any]:
    regional = {"types": ["REGIONAL"]}
    api = rest.create_rest_api(
        name="orders-api", description="orders", endpointConfiguration=regional, tags={"team": "storefront"}
    )["id"]
    root = rest.get_resources(restApiId=api)["items"][0]["id"]
    orders = rest.create_resource(restApiId=api, parentId=root, pathPart="orders")["id"]
    method = {"restApiId": api, "resourceId": orders, "httpMethod": "GET"}
    rest.put_method(**method, authorizationType="AWS_IAM", apiKeyRequired=True)
    rest.put_integration(**method, type="HTTP", integrationHttpMethod="GET", uri="https://orders.example.com")
    deployment = rest.create_deployment(restApiId=api, stageName="prod", description="first")["id"]
    rest.create_api_key(name="partner", value="a-key-that-must-not-show", enabled=True)
    rest.create_usage_plan(
        name="gold",
        apiStages=[{"apiId": api, "stage": "prod"}],
        throttle={"burstLimit": 20, "rateLimit": 10.0},
        quota={"limit": 1000, "period": "MONTH"},
    )
    rest.create_domain_name(
        domainName="api.example.com", regionalCertificateArn=_CERTIFICATE, endpointConfiguration=regional
    )
    rest.create_vpc_link(name="inside", targetArns=[_BALANCER])
    rest.create_authorizer(
        restApiId=api,
        name="pool",
        type="COGNITO_USER_POOLS",
        providerARNs=["arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_example"],
        identitySource="method.request.header.Authorization",
    )
    others = [rest.create_rest_api(name=f"internal-{number}")["id"] for number in range(4)]
    return {"rest": api, "deployment": deployment, "others": others}


def _http(http: Any) -> dict[str, Any]:
    chat = http.create_api(
        Name="chat",
        ProtocolType="HTTP",
        CorsConfiguration={"AllowOrigins": ["https://desk.example.com"]},
        Tags={"team": "desk"},
    )["ApiId"]
    live = http.create_api(
        Name="live", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    integration = http.create_integration(
        ApiId=chat,
        IntegrationType="AWS_PROXY",
        IntegrationUri="arn:aws:lambda:us-east-1:123456789012:function:chat",
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    http.create_route(
        ApiId=chat, RouteKey="GET /chat", Target=f"integrations/{integration}", AuthorizationType="AWS_IAM"
    )
    http.create_stage(ApiId=chat, StageName="$default", AutoDeploy=True)
    http.create_vpc_link(Name="private", SubnetIds=["subnet-0a1b2c3d"])
    return {"http": chat, "websocket": live, "integration": integration}
