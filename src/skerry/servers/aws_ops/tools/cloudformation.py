"""`cloudformation_read_operations`: stacks, their resources, events and outputs.

A template's text is not shown, because secrets are often written into it; its parameters are. What a
NoEcho parameter holds stays hidden, in outputs too.
"""

from __future__ import annotations

from typing import Any

from skerry.servers.aws_ops.arguments import Parameter
from skerry.servers.aws_ops.definition import (
    Detail,
    Item,
    Members,
    Missing,
    Operation,
    Paging,
    ServiceTool,
    listed,
    member,
)
from skerry.servers.aws_ops.template import hidden

_PAGES = Paging(size="")
_STACK = {"stack": member("StackName")}
_PRESENT = (
    *("CREATE_IN_PROGRESS", "CREATE_FAILED", "CREATE_COMPLETE"),
    *("ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE"),
    *("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_FAILED"),
    *("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"),
    *("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"),
    *("DELETE_IN_PROGRESS", "DELETE_FAILED", "REVIEW_IN_PROGRESS"),
    *("IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"),
    *("IMPORT_ROLLBACK_IN_PROGRESS", "IMPORT_ROLLBACK_FAILED", "IMPORT_ROLLBACK_COMPLETE"),
)
_HIDDEN = "(hidden: NoEcho)"


def _hidden(answer: Members) -> Item:
    found = hidden(answer.get("TemplateBody"))
    return {
        "hidden": {
            "parameters": sorted(found.parameters),
            "outputs": sorted(found.outputs),
            "everything": found.everything,
        }
    }


def _masked(item: Item) -> Item:
    """The stack without the values of NoEcho parameters; without its template, without any value."""
    secret = item.pop("hidden")
    for kind in ("parameters", "outputs"):
        for part in item.get(kind, []):
            if secret["everything"] or part["name"] in secret.get(kind, ()):
                part["value"] = _HIDDEN
    return item


def _template(answer: Members) -> list[Item]:
    return [
        {
            "description": answer.get("Description"),
            "capabilities": answer.get("Capabilities"),
            "resource_types": sorted(set(answer.get("ResourceTypes", []))),
            "transforms": answer.get("DeclaredTransforms"),
            "parameters": [_parameter(item) for item in answer.get("Parameters", [])],
        }
    ]


def _parameter(item: Members) -> Item:
    hidden = str(item.get("NoEcho", False)).lower() == "true"
    shown: dict[str, Any] = {
        "name": item["ParameterKey"],
        "type": item.get("ParameterType"),
        "description": item.get("Description"),
        "no_echo": hidden,
        "default": None if hidden else item.get("DefaultValue"),
        "allowed": item.get("ParameterConstraints", {}).get("AllowedValues"),
    }
    return shown


TOOL = ServiceTool(
    name="cloudformation_read_operations",
    title="CloudFormation: read",
    service="cloudformation",
    subject="Reads AWS CloudFormation: stacks, status, resources, events (why a deployment failed), outputs, "
    "exports, change sets, stack sets and drift. NoEcho values stay hidden.",
    operations=(
        Operation(
            name="list_stacks",
            summary="stacks with status and times; deleted ones only for status DELETE_COMPLETE",
            api="ListStacks",
            items="StackSummaries[].{name: StackName, status: StackStatus, reason: StackStatusReason, "
            "created: CreationTime, updated: LastUpdatedTime, deleted: DeletionTime, "
            "drift: DriftInformation.StackDriftStatus, description: TemplateDescription}",
            always={"StackStatusFilter": list(_PRESENT)},
            sends={"status": listed("StackStatusFilter")},
            paging=_PAGES,
        ),
        Operation(
            name="describe_stack",
            summary="one stack's parameters, outputs, tags, role and status",
            api="DescribeStacks",
            items="Stacks[].{name: StackName, status: StackStatus, reason: StackStatusReason, "
            "created: CreationTime, updated: LastUpdatedTime, description: Description, role: RoleARN, "
            "parameters: Parameters[].{name: ParameterKey, value: ParameterValue}, "
            "outputs: Outputs[].{name: OutputKey, value: OutputValue, export: ExportName, "
            "description: Description}, tags: Tags[].{key: Key, value: Value}, "
            "capabilities: Capabilities, termination_protection: EnableTerminationProtection, "
            "drift: DriftInformation.StackDriftStatus, parent: ParentId}",
            sends=_STACK,
            requires=("stack",),
            details=(
                Detail(
                    api="GetTemplate",
                    fields=_hidden,
                    sends=("stack",),
                    always={"TemplateStage": "Processed"},
                    absent=("ValidationError", "AccessDenied", "AccessDeniedException"),
                    otherwise={"hidden": {"everything": True}},
                ),
            ),
            finish=_masked,
        ),
        Operation(
            name="list_stack_resources",
            summary="resources of a stack with type, physical id and status",
            api="ListStackResources",
            items="StackResourceSummaries[].{name: LogicalResourceId, type: ResourceType, "
            "id: PhysicalResourceId, status: ResourceStatus, reason: ResourceStatusReason, "
            "updated: LastUpdatedTimestamp, drift: DriftInformation.StackResourceDriftStatus}",
            sends=_STACK,
            requires=("stack",),
            paging=_PAGES,
        ),
        Operation(
            name="list_stack_events",
            summary="what happened to a stack, newest first, with reasons of failures",
            api="DescribeStackEvents",
            items="StackEvents[].{time: Timestamp, name: LogicalResourceId, type: ResourceType, "
            "status: ResourceStatus, reason: ResourceStatusReason}",
            sends=_STACK,
            requires=("stack",),
            paging=_PAGES,
        ),
        Operation(
            name="describe_template",
            summary="a stack's template: parameters it takes, resource types and capabilities, not its text",
            api="GetTemplateSummary",
            items=_template,
            sends=_STACK,
            requires=("stack",),
            echo=("stack",),
        ),
        Operation(
            name="list_exports",
            summary="names that stacks export to others; describe_stack shows the values",
            api="ListExports",
            items="Exports[].{name: Name, stack: ExportingStackId}",
            paging=_PAGES,
        ),
        Operation(
            name="list_change_sets",
            summary="change sets of a stack that wait or were executed",
            api="ListChangeSets",
            items="Summaries[].{name: ChangeSetName, status: Status, execution: ExecutionStatus, "
            "reason: StatusReason, created: CreationTime, description: Description}",
            sends=_STACK,
            requires=("stack",),
            paging=_PAGES,
        ),
        Operation(
            name="list_stack_sets",
            summary="stack sets that deploy to several accounts and regions",
            api="ListStackSets",
            items="Summaries[].{name: StackSetName, id: StackSetId, status: Status, "
            "drift: DriftStatus, permissions: PermissionModel, description: Description}",
            paging=Paging(maximum=100),
        ),
        Operation(
            name="list_drifted_resources",
            summary="resources of a stack that were changed outside of it, at the last drift check",
            api="DescribeStackResourceDrifts",
            items="StackResourceDrifts[].{name: LogicalResourceId, type: ResourceType, "
            "id: PhysicalResourceId, drift: StackResourceDriftStatus, checked: Timestamp, "
            "properties: PropertyDifferences[].{path: PropertyPath, difference: DifferenceType}}",
            sends=_STACK,
            always={"StackResourceDriftStatusFilters": ["MODIFIED", "DELETED"]},
            requires=("stack",),
            paging=Paging(maximum=100),
        ),
    ),
    parameters=(
        Parameter(name="stack", description="The name or id of a stack.", max_length=512),
        Parameter(
            name="status",
            description="Only stacks in this status.",
            one_of=(*_PRESENT, "DELETE_COMPLETE"),
        ),
    ),
    missing=(
        Missing(
            code="ValidationError",
            says="does not exist",
            hint="Check the name and the region; list_stacks shows what there is.",
        ),
    ),
)
