"""Organizations and projects."""

from __future__ import annotations

from typing import Any

from fastmcp import Context, FastMCP

from skerry.servers.terraform.arguments import Limit, Organization, Page, Search, clip, fields
from skerry.servers.terraform.desk import Desk
from skerry.servers.terraform.library import models
from skerry.servers.terraform.tools import READ


def add(server: FastMCP, desk: Desk) -> None:
    """Adds the tools of this module."""

    @server.tool(annotations=READ, title="Organizations")
    async def list_terraform_orgs(ctx: Context, limit: Limit = 20, page: Page = 1) -> dict[str, Any]:
        """Lists the organizations that the caller's Terraform token can see and this server works for."""
        async with desk.visit(ctx, "list_terraform_orgs") as visit:
            return await visit.listing(
                "organizations",
                lambda client: (each for each in client.organizations.list() if visit.serves(str(each.id))),
                _organization,
                page=page,
                limit=limit,
            )

    @server.tool(annotations=READ, title="Projects")
    async def list_terraform_projects(
        ctx: Context,
        *,
        terraform_org_name: Organization = "",
        search: Search = "",
        limit: Limit = 20,
        page: Page = 1,
    ) -> dict[str, Any]:
        """Lists the projects of an organization, with their ids."""
        async with desk.visit(ctx, "list_terraform_projects") as visit:
            name = await visit.organization(terraform_org_name)
            options = models.ProjectListOptions.model_validate({"query": search or None, "page_size": limit})
            found = await visit.listing(
                "projects",
                lambda client: client.projects.list(name, options),
                _project,
                page=page,
                limit=limit,
            )
            return {"organization": name, **found}


def _organization(found: models.Organization) -> dict[str, Any]:
    return fields((("name", found.id), ("email", found.email), ("created_at", found.created_at)))


def _project(found: models.Project) -> dict[str, Any]:
    return fields((("id", found.id), ("name", found.name), ("description", clip(found.description))))
