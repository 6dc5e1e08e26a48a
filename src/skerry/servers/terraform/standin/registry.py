"""Registries: an organization's private one (JSON:API), and the protocols of the public one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from skerry.servers.terraform.standin import documents
from skerry.servers.terraform.standin.calls import Call, Handler, data
from skerry.servers.terraform.standin.problems import not_found

Table = Mapping[str, Any]


async def modules(call: Call) -> Response:
    """GET /organizations/{organization}/registry-modules."""
    name = call.estate.organization(call.path("organization")).name
    query = call.query("q", "filter[provider]", "filter[registry_name]", "filter[organization_name]")
    wanted = query.wanted
    found = [
        item
        for item in call.estate.modules
        if item["organization"] == name
        and wanted.get("q", "").lower() in item["name"].lower()
        and wanted.get("filter[provider]", item["provider"]) == item["provider"]
        and wanted.get("filter[registry_name]", "private") == "private"
    ]
    return call.listed(query, found, lambda item: documents.module(item, item["id"]))


async def module(call: Call) -> Response:
    """GET of one module of an organization."""
    keys = ("organization", "name", "provider")
    if call.path("registry") != "private":
        raise not_found()
    found = _one(call.estate.modules, {key: call.path(key) for key in keys})
    return data(documents.module(dict(found), found["id"]))


async def providers(call: Call) -> Response:
    """GET /organizations/{organization}/registry-providers."""
    name = call.estate.organization(call.path("organization")).name
    query = call.query("q", "filter[registry_name]", "filter[organization_name]")
    part, registry = query.wanted.get("q", "").lower(), query.wanted.get("filter[registry_name]")
    found = [
        item
        for item in call.estate.providers
        if item["organization"] == name
        and (part in item["name"].lower() or part in item["namespace"].lower())
        and registry in (None, item["registry"])
    ]
    return call.listed(query, found, lambda item: documents.provider(item, item["id"]))


async def provider(call: Call) -> Response:
    """GET of one provider of an organization."""
    found = _provider(call)
    return data(documents.provider(dict(found), found["id"]))


async def provider_versions(call: Call) -> Response:
    """GET of the versions of a private provider."""
    found = _provider(call)
    versions = [
        documents.provider_version(version, f"provver-{version}", found["created"])
        for version in reversed(found["versions"])
    ]
    return call.listed(call.query(), versions, lambda each: each)


_MODULES = "/organizations/{organization}/registry-modules"
_PROVIDERS = "/organizations/{organization}/registry-providers"
_ONE_PROVIDER = f"{_PROVIDERS}/{{registry}}/{{namespace}}/{{name}}"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", _MODULES, modules),
    ("GET", f"{_MODULES}/{{registry}}/{{namespace}}/{{name}}/{{provider}}", module),
    ("GET", _PROVIDERS, providers),
    ("GET", _ONE_PROVIDER, provider),
    ("GET", f"{_ONE_PROVIDER}/versions", provider_versions),
)


def public_routes(modules: Sequence[Table], providers: Sequence[Table]) -> list[Route]:
    """The public registry: no authentication, plain JSON."""

    async def discovery(_: Request) -> Response:
        services = {"modules.v1": "/v1/modules/", "providers.v1": "/v1/providers/", "tfe.v2": "/api/v2/"}
        return JSONResponse(services)

    async def search(request: Request) -> Response:
        wanted = request.query_params
        words = wanted.get("q", "").lower().split()
        found = [
            _public_module(item)
            for item in modules
            if all(
                word in f"{item['namespace']} {item['name']} {item['description']}".lower() for word in words
            )
            and wanted.get("provider", item["provider"]) == item["provider"]
            and wanted.get("namespace", item["namespace"]) == item["namespace"]
            and (wanted.get("verified") != "true" or item["verified"])
        ]
        limit, offset = _whole(wanted.get("limit"), 15), _whole(wanted.get("offset"), 0)
        meta: dict[str, int] = {"limit": limit, "current_offset": offset}
        if offset + limit < len(found):
            meta["next_offset"] = offset + limit
        return JSONResponse({"meta": meta, "modules": found[offset : offset + limit]})

    async def one(request: Request) -> Response:
        item = _public(modules, request, "namespace", "name", "provider")
        version = request.path_params.get("version", item["versions"][-1] if item else "")
        if item is None or version not in item["versions"]:
            return _missing()
        inputs = [{"name": each, "type": "string", "required": True} for each in item["inputs"]]
        root = {"path": "", "inputs": inputs, "outputs": [], "resources": []}
        return JSONResponse(
            {**_public_module(item), "version": version, "versions": item["versions"], "root": root}
        )

    async def versions(request: Request) -> Response:
        item = _public(modules, request, "namespace", "name", "provider")
        if item is None:
            return _missing()
        listed = [{"version": version} for version in item["versions"]]
        return JSONResponse({"modules": [{"source": _public_module(item)["source"], "versions": listed}]})

    async def of_provider(request: Request) -> Response:
        item = _public(providers, request, "namespace", "name")
        if item is None:
            return _missing()
        listed = [{"version": version, "protocols": ["5.0"], "platforms": []} for version in item["versions"]]
        return JSONResponse({"versions": listed})

    path = "/v1/modules/{namespace}/{name}/{provider}"
    return [
        Route("/.well-known/terraform.json", discovery),
        Route("/v1/modules/search", search),
        Route(path, one),
        Route(f"{path}/versions", versions),
        Route(f"{path}/{{version}}", one),
        Route("/v1/providers/{namespace}/{name}/versions", of_provider),
    ]


def _provider(call: Call) -> Table:
    keys = ("organization", "registry", "namespace", "name")
    return _one(call.estate.providers, {key: call.path(key) for key in keys})


def _one(among: Sequence[Table], wanted: Table) -> Table:
    for item in among:
        if all(item[key] == value for key, value in wanted.items()):
            return item
    raise not_found()


def _public(among: Sequence[Table], request: Request, *keys: str) -> Table | None:
    wanted = {key: request.path_params[key] for key in keys}
    return next((item for item in among if all(item[key] == value for key, value in wanted.items())), None)


def _public_module(item: Table) -> dict[str, Any]:
    name = f"{item['namespace']}/{item['name']}/{item['provider']}"
    return {
        "id": f"{name}/{item['versions'][-1]}",
        "namespace": item["namespace"],
        "name": item["name"],
        "provider": item["provider"],
        "version": item["versions"][-1],
        "description": item["description"],
        "source": f"https://github.com/example/{item['name']}",
        "downloads": item["downloads"],
        "verified": item["verified"],
    }


def _whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 7 else default


def _missing() -> Response:
    return JSONResponse({"errors": ["not found"]}, status_code=404)
