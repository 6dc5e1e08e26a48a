"""Modules and providers: an organization's private registry, and the public one, which needs no token."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from pydantic import Field

from skerry.servers.terraform.arguments import (
    Limit,
    Organization,
    Page,
    RegistryPart,
    Search,
    Version,
    clip,
    fields,
    page_of,
)
from skerry.servers.terraform.desk import Desk
from skerry.servers.terraform.library import ProviderRegistry, models
from skerry.servers.terraform.tools import READ

MAX_INPUTS = 100
Registry = Literal["private", "public"]
Query = Annotated[str, Field(description="Words to look for.", min_length=1, max_length=200)]
OnlyProvider = Annotated[
    str, Field(description="Only modules for this provider.", pattern=r"^[a-z0-9-]{0,64}$")
]


def add(server: FastMCP, desk: Desk) -> None:
    """Adds the tools that read; there are no others."""
    _add_private_modules(server, desk)
    _add_private_providers(server, desk)
    _add_public_modules(server, desk)
    _add_latest_versions(server, desk)


def _module(found: models.RegistryModule) -> dict[str, Any]:
    return fields(
        (
            ("name", found.name),
            ("provider", found.provider),
            ("namespace", found.namespace),
            ("registry", found.registry_name),
            ("status", found.status),
            ("versions", [each.version for each in found.version_statuses][:MAX_INPUTS]),
            ("updated_at", found.updated_at),
        )
    )


def _add_private_modules(server: FastMCP, desk: Desk) -> None:
    @server.tool(annotations=READ, title="Modules of an organization")
    async def search_private_modules(
        ctx: Context,
        *,
        terraform_org_name: Organization = "",
        search: Search = "",
        limit: Limit = 20,
        page: Page = 1,
    ) -> dict[str, Any]:
        """Lists the modules in an organization's private registry, or those whose name has a part."""
        async with desk.visit(ctx, "search_private_modules") as visit:
            name = await visit.organization(terraform_org_name)
            options = models.RegistryModuleListOptions.model_validate(
                {"search": search or None, "page_size": limit}
            )
            found = await visit.listing(
                "modules",
                lambda client: client.registry_modules.list(name, options),
                _module,
                page=page,
                limit=limit,
            )
            return {"organization": name, **found}

    @server.tool(annotations=READ, title="Module of an organization")
    async def get_private_module_details(
        ctx: Context,
        *,
        module_name: RegistryPart,
        module_provider: RegistryPart,
        terraform_org_name: Organization = "",
    ) -> dict[str, Any]:
        """Gets a module of an organization's private registry, with its versions."""
        async with desk.visit(ctx, "get_private_module_details") as visit:
            name = await visit.organization(terraform_org_name)
            wanted = models.RegistryModuleID.model_validate(
                {"organization": name, "name": module_name, "provider": module_provider}
            )
            return _module(await visit.call(lambda client: client.registry_modules.read(wanted)))


def _add_private_providers(server: FastMCP, desk: Desk) -> None:
    def provider(found: models.RegistryProvider) -> dict[str, Any]:
        return fields(
            (
                ("name", found.name),
                ("namespace", found.namespace),
                ("registry", found.registry_name),
                ("updated_at", found.updated_at),
            )
        )

    @server.tool(annotations=READ, title="Providers of an organization")
    async def search_private_providers(
        ctx: Context,
        *,
        terraform_org_name: Organization = "",
        search: Search = "",
        limit: Limit = 20,
        page: Page = 1,
    ) -> dict[str, Any]:
        """Lists the providers in an organization's registry, or those whose name or namespace has a part."""
        async with desk.visit(ctx, "search_private_providers") as visit:
            name = await visit.organization(terraform_org_name)
            options = models.RegistryProviderListOptions.model_validate(
                {"search": search or None, "page_size": limit}
            )
            found = await visit.listing(
                "providers",
                lambda client: client.registry_providers.list(name, options),
                provider,
                page=page,
                limit=limit,
            )
            return {"organization": name, **found}

    @server.tool(annotations=READ, title="Provider of an organization")
    async def get_private_provider_details(
        ctx: Context,
        *,
        provider_name: RegistryPart,
        provider_namespace: Annotated[
            str,
            Field(description="Left out: the organization itself.", pattern=r"^[A-Za-z0-9_-]{0,64}$"),
        ] = "",
        registry: Registry = "private",
        terraform_org_name: Organization = "",
    ) -> dict[str, Any]:
        """Gets a provider of an organization's registry; of a private one, with its versions."""
        async with desk.visit(ctx, "get_private_provider_details") as visit:
            name = await visit.organization(terraform_org_name)
            wanted = models.RegistryProviderID.model_validate(
                {
                    "organization_name": name,
                    "registry_name": ProviderRegistry(registry),
                    "namespace": provider_namespace or name,
                    "name": provider_name,
                }
            )
            found = await visit.call(lambda client: client.registry_providers.read(wanted))
            if registry == "public":
                return provider(found)
            versions, more = await visit.call(
                lambda client: page_of(client.registry_provider_versions.list(wanted), 1, MAX_INPUTS)
            )
            return {**provider(found), "versions": [each.version for each in versions], "more": more}


def _add_public_modules(server: FastMCP, desk: Desk) -> None:
    @server.tool(annotations=READ, title="Public modules")
    async def search_modules(
        ctx: Context, module_query: Query, provider: OnlyProvider = "", limit: Limit = 15
    ) -> dict[str, Any]:
        """Searches the public registry for modules."""
        async with desk.visit(ctx, "search_modules"):
            options = models.PublicRegistrySearchOptions.model_validate(
                {"provider": provider or None, "limit": limit}
            )
            found, more = await desk.cloud.call(
                "", lambda client: page_of(client.registry.search_modules(module_query, options), 1, limit)
            )
            return {"modules": [_public(each) for each in found], "count": len(found), "more": more}

    @server.tool(annotations=READ, title="Public module")
    async def get_module_details(
        ctx: Context,
        *,
        module_namespace: RegistryPart,
        module_name: RegistryPart,
        module_provider: RegistryPart,
        version: Version = "",
    ) -> dict[str, Any]:
        """Gets a module of the public registry: description, inputs, outputs and versions."""
        async with desk.visit(ctx, "get_module_details"):
            where = (module_namespace, module_name, module_provider)
            found = await desk.cloud.call(
                "",
                lambda client: (
                    client.registry.get_module(*where, version)
                    if version
                    else client.registry.latest_for_provider(*where)
                ),
            )
            root = found.root
            inputs = [
                fields((("name", each.name), ("type", each.type), ("required", each.required),
                        ("description", clip(each.description, 200))))
                for each in (root.inputs if root and root.inputs else [])[:MAX_INPUTS]
            ]  # fmt: skip
            outputs = [each.name for each in (root.outputs if root and root.outputs else [])[:MAX_INPUTS]]
            return {
                **_public(found),
                "inputs": inputs,
                "outputs": outputs,
                "versions": (found.versions or [])[-MAX_INPUTS:],
            }


def _add_latest_versions(server: FastMCP, desk: Desk) -> None:
    @server.tool(annotations=READ, title="Latest version of a public module")
    async def get_latest_module_version(
        ctx: Context, module_publisher: RegistryPart, module_name: RegistryPart, module_provider: RegistryPart
    ) -> dict[str, Any]:
        """Gets the latest version of a module of the public registry."""
        async with desk.visit(ctx, "get_latest_module_version"):
            found = await desk.cloud.call(
                "",
                lambda client: client.registry.latest_for_provider(
                    module_publisher, module_name, module_provider
                ),
            )
            return {"module": f"{module_publisher}/{module_name}/{module_provider}", "version": found.version}

    @server.tool(annotations=READ, title="Latest version of a public provider")
    async def get_latest_provider_version(
        ctx: Context, namespace: RegistryPart, name: RegistryPart
    ) -> dict[str, Any]:
        """Gets the latest released version of a provider of the public registry."""
        async with desk.visit(ctx, "get_latest_provider_version"):
            latest = newest(await desk.cloud.provider_versions(namespace, name))
            if not latest:
                raise ToolError(f"The provider {namespace}/{name} has no released version.")
            return {"provider": f"{namespace}/{name}", "version": latest}


def _public(found: models.PublicRegistryModule) -> dict[str, Any]:
    return fields(
        (
            ("id", found.id),
            ("namespace", found.namespace),
            ("name", found.name),
            ("provider", found.provider),
            ("version", found.version),
            ("description", clip(found.description, 300)),
            ("verified", found.verified),
            ("downloads", found.downloads),
            ("source", found.source),
        )
    )


def newest(versions: list[str]) -> str:
    """The highest version that is no pre-release, or an empty string; what is no version is left out."""
    found = []
    for version in versions:
        parts = version.partition("+")[0].split(".")
        if len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
            found.append((tuple(int(part) for part in parts), version))
    return max(found)[1] if found else ""
