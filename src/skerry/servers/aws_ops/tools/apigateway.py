"""`apigateway_read_operations`: REST APIs, and HTTP and WebSocket APIs, which are a service of their own."""

from __future__ import annotations

from typing import Any

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import Members, Missing, Operation, Paging, ServiceTool, member
from skerry.servers.aws_ops.filters import contains

_PAGES = Paging(size="limit", maximum=500, cursor="position", next="position")
_PAGES_2 = Paging(size="MaxResults", maximum=100, words=True)
_V2 = "apigatewayv2"
_REST = {"api_id": member("restApiId")}
_HTTP = {"api_id": member("ApiId")}


def _resources(answer: Members) -> list[dict[str, Any]]:
    """A line for each method of each path; paths without methods are left out."""
    return [
        {
            "path": resource["path"],
            "method": name,
            "authorization": method.get("authorizationType"),
            "api_key_required": method.get("apiKeyRequired"),
            "integration": method.get("methodIntegration", {}).get("type"),
            "target": method.get("methodIntegration", {}).get("uri"),
        }
        for resource in sorted(answer.get("items", []), key=lambda item: str(item["path"]))
        for name, method in sorted(resource.get("resourceMethods", {}).items())
    ]


TOOL = ServiceTool(
    name="apigateway_read_operations",
    title="API Gateway: read",
    service="apigateway",
    subject="Reads Amazon API Gateway: REST APIs with resources, stages, deployments, authorizers, usage "
    "plans; HTTP and WebSocket APIs with routes, integrations, stages; domain names. Never API keys.",
    operations=(
        Operation(
            name="list_rest_apis",
            summary="REST APIs with id, name, endpoint type and age",
            api="GetRestApis",
            items="items[].{id: id, name: name, description: description, "
            "endpoint: endpointConfiguration.types[0], created: createdDate}",
            keeps={"name": contains("name")},
            paging=_PAGES,
        ),
        Operation(
            name="describe_rest_api",
            summary="one REST API with version, endpoint, policy and tags",
            api="GetRestApi",
            items="[{id: id, name: name, description: description, version: version, "
            "endpoint: endpointConfiguration.types, api_key_source: apiKeySource, "
            "default_endpoint_disabled: disableExecuteApiEndpoint, policy: policy, created: createdDate, "
            "tags: tags}]",
            sends=_REST,
            requires=("api_id",),
        ),
        Operation(
            name="list_resources",
            summary="paths and methods of a REST API with authorization and integration",
            api="GetResources",
            items=_resources,
            sends=_REST,
            always={"embed": ["methods"]},
            requires=("api_id",),
            paging=_PAGES,
        ),
        Operation(
            name="list_stages",
            summary="stages of a REST API with deployment, cache and tracing",
            api="GetStages",
            items="item[].{stage: stageName, deployment: deploymentId, description: description, "
            "cache: cacheClusterEnabled, tracing: tracingEnabled, waf: webAclArn, "
            "log_group: accessLogSettings.destinationArn, changed: lastUpdatedDate, created: createdDate}",
            sends=_REST,
            requires=("api_id",),
        ),
        Operation(
            name="list_deployments",
            summary="deployments of a REST API",
            api="GetDeployments",
            items="items[].{id: id, description: description, created: createdDate}",
            sends=_REST,
            requires=("api_id",),
            paging=_PAGES,
        ),
        Operation(
            name="list_authorizers",
            summary="authorizers of a REST API",
            api="GetAuthorizers",
            items="items[].{id: id, name: name, type: type, providers: providerARNs, uri: authorizerUri, "
            "source: identitySource, cache_seconds: authorizerResultTtlInSeconds}",
            sends=_REST,
            requires=("api_id",),
            paging=_PAGES,
        ),
        Operation(
            name="list_usage_plans",
            summary="usage plans with throttle, quota and stages",
            api="GetUsagePlans",
            items="items[].{id: id, name: name, description: description, rate: throttle.rateLimit, "
            "burst: throttle.burstLimit, quota: quota.limit, period: quota.period, "
            "stages: apiStages[].join(':', [apiId, stage])}",
            paging=_PAGES,
        ),
        Operation(
            name="list_domain_names",
            summary="custom domain names of REST APIs with certificate and target",
            api="GetDomainNames",
            items="items[].{domain: domainName, endpoint: endpointConfiguration.types[0], "
            "certificate: regionalCertificateArn || certificateArn, "
            "target: regionalDomainName || distributionDomainName, tls: securityPolicy, "
            "status: domainNameStatus}",
            paging=_PAGES,
        ),
        Operation(
            name="list_vpc_links",
            summary="private links of REST APIs to load balancers",
            api="GetVpcLinks",
            items="items[].{id: id, name: name, status: status, targets: targetArns}",
            paging=_PAGES,
        ),
        Operation(
            name="get_account_settings",
            summary="the account's throttle limits in a region",
            api="GetAccount",
            items="[{rate: throttleSettings.rateLimit, burst: throttleSettings.burstLimit, "
            "log_role: cloudwatchRoleArn}]",
        ),
        Operation(
            name="list_http_apis",
            summary="HTTP and WebSocket APIs with id, name, protocol and URL",
            api="GetApis",
            service=_V2,
            items="Items[].{id: ApiId, name: Name, protocol: ProtocolType, url: ApiEndpoint, "
            "description: Description, created: CreatedDate}",
            keeps={"name": contains("name")},
            paging=_PAGES_2,
        ),
        Operation(
            name="describe_http_api",
            summary="one HTTP or WebSocket API with CORS and tags",
            api="GetApi",
            service=_V2,
            items="[{id: ApiId, name: Name, protocol: ProtocolType, url: ApiEndpoint, "
            "description: Description, version: Version, cors: CorsConfiguration, "
            "default_endpoint_disabled: DisableExecuteApiEndpoint, created: CreatedDate, tags: Tags}]",
            sends=_HTTP,
            requires=("api_id",),
        ),
        Operation(
            name="list_routes",
            summary="routes of an HTTP or WebSocket API with authorization and target",
            api="GetRoutes",
            service=_V2,
            items="Items[].{id: RouteId, route: RouteKey, authorization: AuthorizationType, "
            "authorizer: AuthorizerId, target: Target}",
            sends=_HTTP,
            requires=("api_id",),
            paging=_PAGES_2,
        ),
        Operation(
            name="list_integrations",
            summary="what an HTTP or WebSocket API calls",
            api="GetIntegrations",
            service=_V2,
            items="Items[].{id: IntegrationId, type: IntegrationType, method: IntegrationMethod, "
            "target: IntegrationUri, format: PayloadFormatVersion, timeout_ms: TimeoutInMillis, "
            "connection: ConnectionType}",
            sends=_HTTP,
            requires=("api_id",),
            paging=_PAGES_2,
        ),
        Operation(
            name="list_http_stages",
            summary="stages of an HTTP or WebSocket API",
            api="GetStages",
            service=_V2,
            items="Items[].{stage: StageName, deployment: DeploymentId, auto_deploy: AutoDeploy, "
            "description: Description, log_group: AccessLogSettings.DestinationArn, "
            "rate: DefaultRouteSettings.ThrottlingRateLimit, changed: LastUpdatedDate, created: CreatedDate}",
            sends=_HTTP,
            requires=("api_id",),
            paging=_PAGES_2,
        ),
        Operation(
            name="list_http_vpc_links",
            summary="private links of HTTP APIs to networks",
            api="GetVpcLinks",
            service=_V2,
            items="Items[].{id: VpcLinkId, name: Name, status: VpcLinkStatus, subnets: SubnetIds, "
            "security_groups: SecurityGroupIds, created: CreatedDate}",
            paging=_PAGES_2,
        ),
    ),
    parameters=(
        Parameter(name="api_id", description="The id of an API, such as a1b2c3d4e5.", max_length=64),
        Parameter(name="name", description="Only APIs whose name contains this text.", max_length=255),
    ),
    missing=(
        Missing(
            code="NotFoundException",
            hint="Check the id and the region; list_rest_apis and list_http_apis show what there is.",
        ),
    ),
)
