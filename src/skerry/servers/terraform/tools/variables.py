"""Workspace variables. The value of a sensitive one is never shown, not even to whoever just set it."""

from __future__ import annotations

from typing import Any

import mcp_types as types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

from skerry.servers.terraform.arguments import (
    Category,
    Key,
    Organization,
    Text,
    Value,
    VariableId,
    WorkspaceName,
    clip,
    fields,
)
from skerry.servers.terraform.desk import Desk, Visit
from skerry.servers.terraform.library import models
from skerry.servers.terraform.tools import READ, changes
from skerry.servers.terraform.tools.workspaces import read

Outcome = str | types.InputRequiredResult


def details_of(variable: models.Variable) -> dict[str, Any]:
    """A variable. What is not clearly public is taken for sensitive."""
    shown = variable.sensitive is False
    return fields(
        (
            ("id", variable.id),
            ("key", variable.key),
            ("category", variable.category),
            ("sensitive", not shown),
            ("hcl", variable.hcl),
            ("description", clip(variable.description, 300)),
            ("value", clip(variable.value) if shown else "(sensitive)"),
        )
    )


async def one(visit: Visit, workspace_id: str, variable_id: str) -> models.Variable:
    """A variable of a workspace."""
    return await visit.call(lambda client: client.variables.read(workspace_id, variable_id))


def add(server: FastMCP, desk: Desk) -> None:
    """Adds the tools that read."""

    @server.tool(annotations=READ, title="Variables")
    async def list_workspace_variables(
        ctx: Context, workspace_name: WorkspaceName, terraform_org_name: Organization = ""
    ) -> dict[str, Any]:
        """Lists the variables of a workspace; sensitive values are not shown."""
        async with desk.visit(ctx, "list_workspace_variables") as visit:
            organization = await visit.organization(terraform_org_name)
            workspace = await read(visit, organization, workspace_name)
            found = await visit.call(lambda client: list(client.variables.list(workspace.id)))
            listed = [details_of(each) for each in found]
            return {"workspace": workspace_name, "variables": listed, "count": len(listed)}


def add_writers(server: FastMCP, desk: Desk) -> None:
    """Adds the tools that change something; each asks the person first."""
    _add_create(server, desk)
    _add_update(server, desk)

    @server.tool(
        annotations=changes(destructive=True, idempotent=True), title="Delete a variable", output_schema=None
    )
    async def delete_workspace_variable(
        ctx: Context,
        *,
        workspace_name: WorkspaceName,
        variable_id: VariableId,
        terraform_org_name: Organization = "",
    ) -> Outcome:
        """Deletes a variable of a workspace. Asks the person to confirm first."""
        async with desk.visit(ctx, "delete_workspace_variable") as visit:
            organization = await visit.organization(terraform_org_name)
            workspace = await read(visit, organization, workspace_name)
            found = await one(visit, workspace.id, variable_id)
            refused = await visit.approved(
                f"Delete the variable {found.key} of the workspace {workspace_name} of the organization "
                f"{organization}? This cannot be undone.",
                {
                    "organization": organization,
                    "workspace": workspace_name,
                    "variable_id": variable_id,
                    "key": found.key or "",
                },
            )
            if refused is not None:
                return refused
            await visit.call(lambda client: client.variables.delete(workspace.id, variable_id), writes=True)
            return f"The variable {found.key} of the workspace {workspace_name} is deleted."


def _add_create(server: FastMCP, desk: Desk) -> None:
    @server.tool(
        annotations=changes(destructive=False, idempotent=False),
        title="Create a variable",
        output_schema=None,
    )
    async def create_workspace_variable(
        ctx: Context,
        *,
        workspace_name: WorkspaceName,
        key: Key,
        value: Value = "",
        terraform_org_name: Organization = "",
        category: Category = "terraform",
        description: Text = "",
        hcl: bool = False,
        sensitive: bool = False,
    ) -> Outcome:
        """Creates a variable of a workspace. Asks the person to confirm first.

        A value given here has been in the conversation: set real secrets in Terraform itself.
        """
        async with desk.visit(ctx, "create_workspace_variable") as visit:
            organization = await visit.organization(terraform_org_name)
            workspace = await read(visit, organization, workspace_name)
            refused = await visit.approved(
                f"Create the variable {key} in the workspace {workspace_name} of the organization "
                f"{organization}?",
                {
                    "organization": organization,
                    "workspace": workspace_name,
                    "id": workspace.id,
                    "key": key,
                    "value": visit.hidden(value) if sensitive else value,
                    "category": category,
                    "description": description,
                    "hcl": hcl,
                    "sensitive": sensitive,
                },
            )
            if refused is not None:
                return refused
            options = models.VariableCreateOptions.model_validate(
                {
                    "key": key,
                    "value": value,
                    "description": description or None,
                    "category": models.CategoryType(category),
                    "hcl": hcl,
                    "sensitive": sensitive,
                }
            )
            made = await visit.call(
                lambda client: client.variables.create(workspace.id, options), writes=True
            )
            return f"The variable {key} of the workspace {workspace_name} is created; its id is {made.id}."


def _add_update(server: FastMCP, desk: Desk) -> None:
    @server.tool(
        annotations=changes(destructive=True, idempotent=True), title="Update a variable", output_schema=None
    )
    async def update_workspace_variable(
        ctx: Context,
        *,
        workspace_name: WorkspaceName,
        variable_id: VariableId,
        terraform_org_name: Organization = "",
        value: Value | None = None,
        description: Text | None = None,
        hcl: bool | None = None,
        sensitive: bool | None = None,
    ) -> Outcome:
        """Changes a variable of a workspace; what is left out stays. Asks the person to confirm first.

        A value given here has been in the conversation: set real secrets in Terraform itself.
        """
        async with desk.visit(ctx, "update_workspace_variable") as visit:
            given = {"value": value, "description": description, "hcl": hcl, "sensitive": sensitive}
            wanted: dict[str, Any] = {name: each for name, each in given.items() if each is not None}
            if not wanted:
                raise ToolError("Nothing was changed: name at least one member.")
            organization = await visit.organization(terraform_org_name)
            workspace = await read(visit, organization, workspace_name)
            found = await one(visit, workspace.id, variable_id)
            shown = dict(wanted)
            if value is not None and (sensitive or found.sensitive is not False):
                shown["value"] = visit.hidden(value)
            refused = await visit.approved(
                f"Change {', '.join(wanted)} of the variable {found.key} of the workspace {workspace_name} "
                f"of the organization {organization}?",
                {
                    "organization": organization,
                    "workspace": workspace_name,
                    "variable_id": variable_id,
                    "key": found.key or "",
                    **shown,
                },
            )
            if refused is not None:
                return refused
            options = models.VariableUpdateOptions.model_validate(wanted)
            await visit.call(
                lambda client: client.variables.update(workspace.id, variable_id, options), writes=True
            )
            return f"Changed {', '.join(wanted)} of the variable {found.key} of {workspace_name}."
