"""State versions and outputs. A sensitive output is masked here, whatever Terraform sends."""

from __future__ import annotations

import json
from typing import Any

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

from skerry.servers.terraform.arguments import (
    MAX_TEXT,
    Limit,
    Organization,
    Page,
    StateVersionId,
    WorkspaceName,
    clip,
    fields,
    page_of,
    plain,
)
from skerry.servers.terraform.desk import Desk
from skerry.servers.terraform.library import models
from skerry.servers.terraform.tools import READ
from skerry.servers.terraform.tools.workspaces import organization_of, read, read_by_id

MAX_OUTPUTS = 100
MAX_RESOURCES = 100


def summary_of(state: models.StateVersion) -> dict[str, Any]:
    """A state version in a list; never the URLs that its content can be read at."""
    return fields(
        (
            ("id", state.id),
            ("serial", state.serial),
            ("status", state.status),
            ("created_at", state.created_at),
            ("terraform_version", state.terraform_version),
            ("size", state.size),
        )
    )


def output_of(output: models.StateVersionOutput) -> dict[str, Any]:
    """An output. What is not clearly public is masked."""
    if output.sensitive is not False:
        return {"name": output.name, "type": output.type, "sensitive": True, "value": "(sensitive)"}
    value = plain(output.value)
    text = json.dumps(value, default=str)
    return {
        "name": output.name,
        "type": output.type,
        "sensitive": False,
        "value": value if len(text) <= MAX_TEXT else clip(text),
    }


def workspace_of(state: models.StateVersion) -> str:
    """The id of the workspace that a state version belongs to, or an empty string."""
    data = state.relationships.get("workspace", {}).get("data") or {}
    return str(data.get("id", ""))


def add(server: FastMCP, desk: Desk) -> None:
    """Adds the tools that read; there are no others."""

    @server.tool(annotations=READ, title="State versions")
    async def list_state_versions(
        ctx: Context,
        *,
        workspace_name: WorkspaceName,
        terraform_org_name: Organization = "",
        limit: Limit = 20,
        page: Page = 1,
    ) -> dict[str, Any]:
        """Lists the state versions of a workspace, the latest first."""
        async with desk.visit(ctx, "list_state_versions") as visit:
            organization = await visit.organization(terraform_org_name)
            options = models.StateVersionListOptions.model_validate(
                {"page_size": limit, "organization": organization, "workspace": workspace_name}
            )
            found = await visit.listing(
                "state_versions",
                lambda client: client.state_versions.list(options),
                summary_of,
                page=page,
                limit=limit,
            )
            return {"workspace": workspace_name, **found}

    @server.tool(annotations=READ, title="State version")
    async def get_state_version(ctx: Context, state_version_id: StateVersionId) -> dict[str, Any]:
        """Gets a state version: its resources, and its outputs; sensitive ones are masked."""
        async with desk.visit(ctx, "get_state_version") as visit:
            state = await visit.call(lambda client: client.state_versions.read(state_version_id))
            owner = workspace_of(state)
            if not owner:
                raise ToolError(f"Terraform does not say which workspace {state_version_id} belongs to.")
            workspace = await read_by_id(visit, owner)
            outputs, more = await visit.call(
                lambda client: page_of(client.state_versions.list_outputs(state_version_id), 1, MAX_OUTPUTS)
            )
            resources = state.resources or []
            return {
                **summary_of(state),
                "workspace": workspace.name,
                "organization": organization_of(workspace),
                "resource_count": len(resources),
                "resources": [_resource(each) for each in resources[:MAX_RESOURCES]],
                "outputs": [output_of(each) for each in outputs],
                "more": more or len(resources) > MAX_RESOURCES,
            }

    @server.tool(annotations=READ, title="Outputs")
    async def get_workspace_outputs(
        ctx: Context, workspace_name: WorkspaceName, terraform_org_name: Organization = ""
    ) -> dict[str, Any]:
        """Gets the current outputs of a workspace; sensitive ones are masked."""
        async with desk.visit(ctx, "get_workspace_outputs") as visit:
            organization = await visit.organization(terraform_org_name)
            workspace = await read(visit, organization, workspace_name)
            if workspace.current_state_version is None:
                return {"workspace": workspace_name, "outputs": [], "count": 0, "more": False}
            found = await visit.listing(
                "outputs",
                lambda client: client.state_version_outputs.read_current(workspace.id),
                output_of,
                page=1,
                limit=MAX_OUTPUTS,
            )
            return {"workspace": workspace_name, **found}


def _resource(found: dict[str, Any]) -> dict[str, Any]:
    return fields((name, found.get(name)) for name in ("type", "name", "module", "count"))
