"""Workspaces: list and read; and with writes on, create, update, lock, unlock and delete."""

from __future__ import annotations

from typing import Annotated, Any, cast

import mcp_types as types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from pydantic import BaseModel, ConfigDict, Field

from skerry.servers.terraform.arguments import (
    ExecutionMode,
    Folder,
    Limit,
    Organization,
    Page,
    ProjectId,
    Search,
    TerraformVersion,
    Text,
    WorkspaceName,
    clip,
    fields,
)
from skerry.servers.terraform.desk import Desk, Visit
from skerry.servers.terraform.library import models
from skerry.servers.terraform.tools import READ, changes

Outcome = str | types.InputRequiredResult
NewName = Annotated[str, Field(description="New name; left out: as it is.", pattern=r"^[A-Za-z0-9_-]{0,90}$")]


class _Settings(BaseModel):
    """What is sent of a workspace.

    pytfe's own options add an empty `vcs-repo` and `setting-overwrites` to every request; what the service
    makes of them is not said anywhere, so they are left out here.
    """

    model_config = ConfigDict(populate_by_name=True)

    name: str | None = None
    description: str | None = None
    auto_apply: bool | None = Field(None, alias="auto-apply")
    terraform_version: str | None = Field(None, alias="terraform-version")
    working_directory: str | None = Field(None, alias="working-directory")
    execution_mode: str | None = Field(None, alias="execution-mode")


class _Moved(_Settings):
    """The same, with the project; pytfe sends it as a relationship."""

    project: models.Project | None = Field(None, exclude=True)


def summary_of(workspace: models.Workspace) -> dict[str, Any]:
    """A workspace in a list."""
    return fields(
        (
            ("id", workspace.id),
            ("name", workspace.name),
            ("description", clip(workspace.description, 300)),
            ("resource_count", workspace.resource_count),
            ("locked", workspace.locked),
            ("auto_apply", workspace.auto_apply),
            ("terraform_version", workspace.terraform_version),
            ("execution_mode", workspace.execution_mode),
            ("project_id", workspace.project.id if workspace.project else None),
            ("updated_at", workspace.updated_at),
        )
    )


def details_of(workspace: models.Workspace) -> dict[str, Any]:
    """All that is told of a workspace."""
    holder = workspace.locked_by
    kinds = ("run", "user", "team")
    locked_by = next((getattr(holder, kind) for kind in kinds if holder and getattr(holder, kind)), None)
    repository = workspace.vcs_repo
    return {
        **summary_of(workspace),
        **fields(
            (
                ("organization", organization_of(workspace)),
                ("description", clip(workspace.description)),
                ("locked_by", locked_by),
                ("working_directory", workspace.working_directory),
                ("vcs_repository", repository.identifier if repository else None),
                ("vcs_branch", repository.branch if repository else None),
                ("current_run_id", workspace.current_run.id if workspace.current_run else None),
                ("created_at", workspace.created_at),
                ("tags", workspace.tag_names or None),
            )
        ),
    }


def organization_of(workspace: models.Workspace) -> str:
    """The organization that a workspace belongs to, or an empty string when Terraform does not say."""
    return str(workspace.organization.id) if workspace.organization else ""


async def read(visit: Visit, organization: str, name: str) -> models.Workspace:
    """A workspace by name, in an organization that this server works for."""
    return await visit.call(lambda client: client.workspaces.read(name, organization=organization))


async def read_by_id(visit: Visit, identifier: str) -> models.Workspace:
    """A workspace by id; its organization must be one that this server works for."""
    found = await visit.call(lambda client: client.workspaces.read_by_id(identifier))
    visit.allow(organization_of(found))
    return found


def add(server: FastMCP, desk: Desk) -> None:
    """Adds the tools that read."""

    @server.tool(annotations=READ, title="Workspaces")
    async def list_workspaces(
        ctx: Context,
        *,
        terraform_org_name: Organization = "",
        search: Search = "",
        project_id: ProjectId = "",
        limit: Limit = 20,
        page: Page = 1,
    ) -> dict[str, Any]:
        """Lists the workspaces of an organization, of one project where that is named or set as default."""
        async with desk.visit(ctx, "list_workspaces") as visit:
            organization = await visit.organization(terraform_org_name)
            project = await visit.project(project_id, terraform_org_name)
            options = models.WorkspaceListOptions.model_validate(
                {"page_size": limit, "search": search or None, "project_id": project or None}
            )
            found = await visit.listing(
                "workspaces",
                lambda client: client.workspaces.list(organization, options),
                summary_of,
                page=page,
                limit=limit,
            )
            return {"organization": organization, **found}

    @server.tool(annotations=READ, title="Workspace")
    async def get_workspace_details(
        ctx: Context, workspace_name: WorkspaceName, terraform_org_name: Organization = ""
    ) -> dict[str, Any]:
        """Gets a workspace: settings, lock, number of resources, current run."""
        async with desk.visit(ctx, "get_workspace_details") as visit:
            return details_of(await read(visit, await visit.organization(terraform_org_name), workspace_name))


def add_writers(server: FastMCP, desk: Desk) -> None:
    """Adds the tools that change something; each asks the person first."""
    _add_create(server, desk)
    _add_update(server, desk)
    _add_locks(server, desk)

    @server.tool(
        annotations=changes(destructive=True, idempotent=True), title="Delete a workspace", output_schema=None
    )
    async def delete_workspace_safely(
        ctx: Context, workspace_name: WorkspaceName, terraform_org_name: Organization = ""
    ) -> Outcome:
        """Deletes a workspace that manages no resources, with its runs, variables and states.

        Refuses while it manages any: destroy them first. Asks the person to confirm.
        """
        async with desk.visit(ctx, "delete_workspace_safely") as visit:
            organization = await visit.organization(terraform_org_name)
            found = await read(visit, organization, workspace_name)
            count = found.resource_count
            if count is None or count:
                many = "an unknown number of" if count is None else count
                raise ToolError(
                    f"Nothing was deleted: the workspace {workspace_name} of {organization} still manages "
                    f"{many} resources. Destroy them first: create_run with is_destroy, then apply_run."
                )
            if found.locked:
                raise ToolError(f"Nothing was deleted: the workspace {workspace_name} is locked.")
            refused = await visit.approved(
                f"Delete the workspace {workspace_name} of the organization {organization}, with its runs, "
                f"variables and states? It manages {count} resources. This cannot be undone.",
                {
                    "organization": organization,
                    "workspace": workspace_name,
                    "id": found.id,
                    "resources": count,
                },
            )
            if refused is not None:
                return refused
            await visit.call(lambda client: client.workspaces.safe_delete_by_id(found.id), writes=True)
            return f"The workspace {workspace_name} of {organization} is deleted."


def _add_create(server: FastMCP, desk: Desk) -> None:
    @server.tool(
        annotations=changes(destructive=False, idempotent=False),
        title="Create a workspace",
        output_schema=None,
    )
    async def create_workspace(
        ctx: Context,
        *,
        workspace_name: WorkspaceName,
        terraform_org_name: Organization = "",
        description: Text = "",
        terraform_version: TerraformVersion = "",
        working_directory: Folder = "",
        execution_mode: ExecutionMode = "remote",
        project_id: ProjectId = "",
        auto_apply: bool = False,
    ) -> Outcome:
        """Creates a workspace without any infrastructure. Asks the person to confirm first."""
        async with desk.visit(ctx, "create_workspace") as visit:
            organization = await visit.organization(terraform_org_name)
            project = await visit.project(project_id, terraform_org_name)
            given = {
                "organization": organization,
                "workspace": workspace_name,
                "description": description,
                "terraform_version": terraform_version,
                "working_directory": working_directory,
                "execution_mode": execution_mode,
                "project_id": project,
                "auto_apply": auto_apply,
            }
            refused = await visit.approved(
                f"Create the workspace {workspace_name} in the organization {organization}?",
                {name: value for name, value in given.items() if value != ""},
            )
            if refused is not None:
                return refused
            wanted = _Moved.model_validate(
                {
                    "name": workspace_name,
                    "description": description or None,
                    "auto_apply": auto_apply,
                    "terraform_version": terraform_version or None,
                    "working_directory": working_directory or None,
                    "execution_mode": execution_mode,
                    "project": models.Project.model_validate({"id": project}) if project else None,
                }
            )
            options = cast("models.WorkspaceCreateOptions", wanted)
            made = await visit.call(
                lambda client: client.workspaces.create(organization, options), writes=True
            )
            return f"The workspace {workspace_name} of {organization} is created; its id is {made.id}."


def _add_update(server: FastMCP, desk: Desk) -> None:
    @server.tool(
        annotations=changes(destructive=True, idempotent=True), title="Update a workspace", output_schema=None
    )
    async def update_workspace(
        ctx: Context,
        *,
        workspace_name: WorkspaceName,
        terraform_org_name: Organization = "",
        new_name: NewName = "",
        description: Text | None = None,
        terraform_version: TerraformVersion = "",
        working_directory: Folder | None = None,
        execution_mode: ExecutionMode | None = None,
        project_id: ProjectId = "",
        auto_apply: bool | None = None,
    ) -> Outcome:
        """Changes the settings of a workspace; what is left out stays. Asks the person to confirm first."""
        async with desk.visit(ctx, "update_workspace") as visit:
            organization = await visit.organization(terraform_org_name)
            given = {
                "new_name": new_name or None,
                "description": description,
                "terraform_version": terraform_version or None,
                "working_directory": working_directory,
                "execution_mode": execution_mode,
                "project_id": project_id or None,
                "auto_apply": auto_apply,
            }
            wanted = {name: value for name, value in given.items() if value is not None}
            if not wanted:
                raise ToolError("Nothing was changed: name at least one setting.")
            found = await read(visit, organization, workspace_name)
            warning = " From then on runs apply without anybody's confirmation." if auto_apply else ""
            refused = await visit.approved(
                f"Change {', '.join(wanted)} of the workspace {workspace_name} of the organization "
                f"{organization}?{warning}",
                {"organization": organization, "workspace": workspace_name, "id": found.id, **wanted},
            )
            if refused is not None:
                return refused
            changed = _Moved.model_validate(
                {
                    "name": new_name or None,
                    "description": description,
                    "auto_apply": auto_apply,
                    "terraform_version": terraform_version or None,
                    "working_directory": working_directory,
                    "execution_mode": execution_mode,
                    "project": models.Project.model_validate({"id": project_id}) if project_id else None,
                }
            )
            options = cast("models.WorkspaceUpdateOptions", changed)
            await visit.call(lambda client: client.workspaces.update_by_id(found.id, options), writes=True)
            return f"Changed {', '.join(wanted)} of the workspace {workspace_name} of {organization}."


def _add_locks(server: FastMCP, desk: Desk) -> None:
    @server.tool(
        annotations=changes(destructive=False, idempotent=True), title="Lock a workspace", output_schema=None
    )
    async def lock_workspace(
        ctx: Context, workspace_name: WorkspaceName, terraform_org_name: Organization = "", reason: Text = ""
    ) -> Outcome:
        """Locks a workspace, so that no run changes anything. Asks the person to confirm first."""
        async with desk.visit(ctx, "lock_workspace") as visit:
            organization = await visit.organization(terraform_org_name)
            found = await read(visit, organization, workspace_name)
            if found.locked:
                raise ToolError(f"Nothing was changed: the workspace {workspace_name} is locked already.")
            refused = await visit.approved(
                f"Lock the workspace {workspace_name} of the organization {organization}?",
                {"organization": organization, "workspace": workspace_name, "id": found.id, "reason": reason},
            )
            if refused is not None:
                return refused
            options = models.WorkspaceLockOptions.model_validate({"reason": reason or None})
            await visit.call(lambda client: client.workspaces.lock(found.id, options), writes=True)
            return f"The workspace {workspace_name} of {organization} is locked."

    @server.tool(
        annotations=changes(destructive=False, idempotent=True),
        title="Unlock a workspace",
        output_schema=None,
    )
    async def unlock_workspace(
        ctx: Context, workspace_name: WorkspaceName, terraform_org_name: Organization = ""
    ) -> Outcome:
        """Unlocks a workspace that the caller locked. Asks the person to confirm first."""
        async with desk.visit(ctx, "unlock_workspace") as visit:
            organization = await visit.organization(terraform_org_name)
            found = await read(visit, organization, workspace_name)
            if not found.locked:
                raise ToolError(f"Nothing was changed: the workspace {workspace_name} is not locked.")
            refused = await visit.approved(
                f"Unlock the workspace {workspace_name} of the organization {organization}?",
                {"organization": organization, "workspace": workspace_name, "id": found.id},
            )
            if refused is not None:
                return refused
            await visit.call(lambda client: client.workspaces.unlock(found.id), writes=True)
            return f"The workspace {workspace_name} of {organization} is unlocked."
