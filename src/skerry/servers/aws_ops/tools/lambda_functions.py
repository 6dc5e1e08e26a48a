"""`lambda_read_operations`: functions and what starts them; never their code or their variables' values.

GetFunction is not among the calls, because it hands out a link to the code. A function's configuration
has the values of its environment variables, so only their names are picked.
"""

from __future__ import annotations

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import Detail, Missing, Operation, Paging, ServiceTool, member
from skerry.servers.aws_ops.filters import contains, starts

_PAGES = Paging(size="MaxItems", maximum=50, cursor="Marker", next="NextMarker")
_FUNCTION = {"function": member("FunctionName")}
_NAMES = "environment_names: keys(Environment.Variables || `{}`)"
_ABSENT = ("ResourceNotFoundException",)
_QUALIFIED = ("InvalidParameterValueException",)  # of a version or an alias, which has none of its own

TOOL = ServiceTool(
    name="lambda_read_operations",
    title="Lambda: read",
    service="lambda",
    subject="Reads AWS Lambda: serverless functions, runtimes, versions, aliases, triggers, layers and "
    "concurrency. Environment variables by name only, no code.",
    operations=(
        Operation(
            name="list_functions",
            summary="functions with runtime, memory, timeout, size and last change",
            api="ListFunctions",
            items="Functions[].{name: FunctionName, runtime: Runtime || PackageType, memory_mb: MemorySize, "
            "timeout_seconds: Timeout, changed: LastModified, code_bytes: CodeSize, handler: Handler, "
            "architectures: Architectures, description: Description}",
            paging=_PAGES,
            keeps={"runtime": starts("runtime"), "name_contains": contains("name")},
        ),
        Operation(
            name="describe_function",
            summary="one function's settings, role, network, state, concurrency and tags",
            api="GetFunctionConfiguration",
            items="[{name: FunctionName, arn: FunctionArn, runtime: Runtime || PackageType, "
            "handler: Handler, state: State, state_reason: StateReason, last_update: LastUpdateStatus, "
            "last_update_reason: LastUpdateStatusReason, memory_mb: MemorySize, timeout_seconds: Timeout, "
            "changed: LastModified, version: Version, code_bytes: CodeSize, description: Description, "
            f"role: Role, architectures: Architectures, {_NAMES}, "
            "subnets: VpcConfig.SubnetIds, security_groups: VpcConfig.SecurityGroupIds, "
            "layers: Layers[].Arn, dead_letters: DeadLetterConfig.TargetArn, tracing: TracingConfig.Mode, "
            "log_group: LoggingConfig.LogGroup, storage_mb: EphemeralStorage.Size}]",
            sends=_FUNCTION,
            requires=("function",),
            details=(
                Detail(
                    api="GetFunctionConcurrency",
                    fields="{reserved_concurrency: ReservedConcurrentExecutions}",
                    sends=("function",),
                    absent=_QUALIFIED,
                ),
                Detail(api="ListTags", fields="{tags: Tags}", takes={"Resource": "arn"}, absent=_QUALIFIED),
            ),
        ),
        Operation(
            name="get_function_policy",
            summary="who may invoke a function, as its resource policy",
            api="GetFunctionConfiguration",
            items="[{function: FunctionName}]",
            sends=_FUNCTION,
            requires=("function",),
            details=(
                Detail(
                    api="GetPolicy",
                    fields="{policy: Policy}",
                    sends=("function",),
                    absent=_ABSENT,
                    otherwise={"policy": "none"},
                ),
            ),
        ),
        Operation(
            name="get_function_url",
            summary="the public URL of a function and how callers sign in to it",
            api="GetFunctionConfiguration",
            items="[{function: FunctionName}]",
            sends=_FUNCTION,
            requires=("function",),
            details=(
                Detail(
                    api="GetFunctionUrlConfig",
                    fields="{url: FunctionUrl, auth: AuthType, invoke_mode: InvokeMode, cors: Cors, "
                    "created: CreationTime}",
                    sends=("function",),
                    absent=_ABSENT,
                    otherwise={"url": "none"},
                ),
            ),
        ),
        Operation(
            name="list_versions",
            summary="published versions of a function",
            api="ListVersionsByFunction",
            items="Versions[].{version: Version, runtime: Runtime, changed: LastModified, "
            "code_bytes: CodeSize, description: Description}",
            sends=_FUNCTION,
            requires=("function",),
            paging=_PAGES,
        ),
        Operation(
            name="list_aliases",
            summary="aliases of a function and the versions they point to",
            api="ListAliases",
            items="Aliases[].{name: Name, version: FunctionVersion, description: Description, "
            "weights: RoutingConfig.AdditionalVersionWeights}",
            sends=_FUNCTION,
            requires=("function",),
            paging=_PAGES,
        ),
        Operation(
            name="list_event_source_mappings",
            summary="queues, streams and topics that trigger functions",
            api="ListEventSourceMappings",
            items="EventSourceMappings[].{id: UUID, function: FunctionArn, source: EventSourceArn, "
            "state: State, batch_size: BatchSize, changed: LastModified, last_result: LastProcessingResult}",
            sends=_FUNCTION,
            paging=_PAGES,
        ),
        Operation(
            name="list_layers",
            summary="layers with their latest version",
            api="ListLayers",
            items="Layers[].{name: LayerName, version: LatestMatchingVersion.Version, "
            "runtimes: LatestMatchingVersion.CompatibleRuntimes, "
            "created: LatestMatchingVersion.CreatedDate, description: LatestMatchingVersion.Description}",
            paging=_PAGES,
        ),
        Operation(
            name="get_account_settings",
            summary="the account's limits and use: concurrency, code storage, number of functions",
            api="GetAccountSettings",
            items="[{concurrency_limit: AccountLimit.ConcurrentExecutions, "
            "unreserved_concurrency: AccountLimit.UnreservedConcurrentExecutions, "
            "code_bytes_limit: AccountLimit.TotalCodeSize, code_bytes: AccountUsage.TotalCodeSize, "
            "functions: AccountUsage.FunctionCount}]",
        ),
    ),
    parameters=(
        Parameter(name="function", description="The name or ARN of a function.", max_length=170),
        Parameter(
            name="runtime",
            description="Only functions whose runtime begins with this, such as python or nodejs22.",
            max_length=32,
        ),
        Parameter(
            name="name_contains", description="Only functions with this text in their name.", max_length=64
        ),
    ),
    missing=(
        Missing(
            code="ResourceNotFoundException",
            hint="Check the name and the region; list_functions shows what there is.",
        ),
    ),
)
