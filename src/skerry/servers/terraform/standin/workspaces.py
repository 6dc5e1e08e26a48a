"""Organizations, projects, workspaces and variables of the stand-in."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from starlette.responses import Response

from skerry.servers.terraform.standin import documents
from skerry.servers.terraform.standin.calls import Attributes, Call, Handler, answer, data
from skerry.servers.terraform.standin.estate import Organization, Project, Variable, Workspace
from skerry.servers.terraform.standin.problems import conflict, invalid, not_found

NAME = re.compile(r"[A-Za-z0-9_-]{1,90}")
MODES = ("remote", "local", "agent")
CATEGORIES = ("terraform", "env")


async def organizations(call: Call) -> Response:
    """GET /organizations."""
    return call.listed(
        call.query("q"), sorted(call.estate.organizations.values(), key=_name), documents.organization
    )


async def organization(call: Call) -> Response:
    """GET /organizations/{organization}."""
    return data(documents.organization(call.estate.organization(call.path("organization"))))


async def projects(call: Call) -> Response:
    """GET /organizations/{organization}/projects."""
    name = call.estate.organization(call.path("organization")).name
    query = call.query("q", "filter[names]")
    wanted, part = query.wanted.get("filter[names]"), query.wanted.get("q", "")
    found = [
        item
        for item in sorted(call.estate.projects.values(), key=_name)
        if item.organization == name and wanted in (None, item.name) and part.lower() in item.name.lower()
    ]
    return call.listed(query, found, documents.project)


async def project(call: Call) -> Response:
    """GET /projects/{project}."""
    return data(documents.project(call.estate.project(call.path("project"))))


async def workspaces(call: Call) -> Response:
    """GET /organizations/{organization}/workspaces."""
    name = call.estate.organization(call.path("organization")).name
    query = call.query("search[name]", "search[wildcard-name]", "filter[project][id]", "sort")
    wanted = query.wanted
    if wanted.get("sort", "name") not in ("name", "-name"):
        raise invalid("sort", "must be name or -name")
    found = [
        item
        for item in sorted(call.estate.workspaces.values(), key=_name)
        if item.organization == name
        and wanted.get("search[name]", "").lower() in item.name.lower()
        and fnmatchcase(item.name.lower(), wanted.get("search[wildcard-name]", "*").lower())
        and wanted.get("filter[project][id]", item.project) == item.project
    ]
    if wanted.get("sort") == "-name":
        found.reverse()
    return call.listed(query, found, lambda item: documents.workspace(item, call.estate))


async def create_workspace(call: Call) -> Response:
    """POST /organizations/{organization}/workspaces."""
    owner = call.estate.organization(call.path("organization")).name
    given = await call.resource("workspaces")
    name = given.text("name")
    if not NAME.fullmatch(name):
        raise invalid("name", "can only include letters, numbers, -, and _.")
    call.estate.check_name(owner, name)
    now = call.estate.now()
    project = given.relation("project") or call.estate.default_project(owner).id
    made = Workspace(
        id=call.estate.new_id("ws"),
        organization=owner,
        project=_project_of(call, owner, project),
        name=name,
        created=now,
        updated=now,
    )
    _set(made, given)
    call.estate.workspaces[made.id] = made
    return data(documents.workspace(made, call.estate), 201)


async def show_workspace(call: Call) -> Response:
    """GET of a workspace by id, or by organization and name."""
    return data(documents.workspace(_workspace(call), call.estate))


async def update_workspace(call: Call) -> Response:
    """PATCH of a workspace."""
    found = _workspace(call)
    given = await call.resource("workspaces")
    if given.has("name"):
        name = given.text("name")
        if not NAME.fullmatch(name):
            raise invalid("name", "can only include letters, numbers, -, and _.")
        call.estate.check_name(found.organization, name, but=found.id)
    if given.relation("project"):
        found.project = _project_of(call, found.organization, given.relation("project"))
    _set(found, given)
    found.name = given.text("name", found.name)
    found.updated = call.estate.now()
    return data(documents.workspace(found, call.estate))


async def delete_workspace(call: Call) -> Response:
    """DELETE of a workspace, whatever it manages."""
    call.estate.remove(_workspace(call), safely=False)
    return Response(status_code=204)


async def safe_delete_workspace(call: Call) -> Response:
    """POST …/actions/safe-delete: only a workspace that manages nothing."""
    call.estate.remove(_workspace(call), safely=True)
    return Response(status_code=204)


async def lock(call: Call) -> Response:
    """POST …/actions/lock."""
    found = _workspace(call)
    await call.body()
    if found.locked_by:
        raise conflict("Workspace is already locked")
    found.locked_by = call.user
    return data(documents.workspace(found, call.estate))


async def unlock(call: Call) -> Response:
    """POST …/actions/unlock: by whoever locked it."""
    found = _workspace(call)
    if not found.locked_by:
        raise conflict("Workspace is already unlocked")
    if found.locked_by != call.user:
        raise conflict("Workspace is locked by a different user or by a run")
    found.locked_by = ""
    return data(documents.workspace(found, call.estate))


async def force_unlock(call: Call) -> Response:
    """POST …/actions/force-unlock."""
    found = _workspace(call)
    if not found.locked_by:
        raise conflict("Workspace is already unlocked")
    found.locked_by = ""
    return data(documents.workspace(found, call.estate))


async def variables(call: Call) -> Response:
    """GET …/vars: not in pages."""
    found = _workspace(call)
    return answer({"data": [documents.variable(each, found) for each in found.variables.values()]})


async def create_variable(call: Call) -> Response:
    """POST …/vars."""
    found = _workspace(call)
    made = Variable(call.estate.new_id("var"), "")
    _set_variable(found, made, await call.resource("vars"))
    found.variables[made.id] = made
    return data(documents.variable(made, found), 201)


async def show_variable(call: Call) -> Response:
    """GET …/vars/{variable}."""
    found = _workspace(call)
    return data(documents.variable(_variable(call, found), found))


async def update_variable(call: Call) -> Response:
    """PATCH …/vars/{variable}: what is left out stays."""
    found = _workspace(call)
    variable = _variable(call, found)
    _set_variable(found, variable, await call.resource("vars"))
    return data(documents.variable(variable, found))


async def delete_variable(call: Call) -> Response:
    """DELETE …/vars/{variable}."""
    found = _workspace(call)
    del found.variables[_variable(call, found).id]
    return Response(status_code=204)


_ORGANIZATION = "/organizations/{organization}"
_NAMED = f"{_ORGANIZATION}/workspaces/{{name}}"
_BY_ID = "/workspaces/{workspace}"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/organizations", organizations),
    ("GET", _ORGANIZATION, organization),
    ("GET", f"{_ORGANIZATION}/projects", projects),
    ("GET", "/projects/{project}", project),
    ("GET", f"{_ORGANIZATION}/workspaces", workspaces),
    ("POST", f"{_ORGANIZATION}/workspaces", create_workspace),
    *(
        route
        for path in (_NAMED, _BY_ID)
        for route in (
            ("GET", path, show_workspace),
            ("PATCH", path, update_workspace),
            ("DELETE", path, delete_workspace),
            ("POST", f"{path}/actions/safe-delete", safe_delete_workspace),
        )
    ),
    ("POST", f"{_BY_ID}/actions/lock", lock),
    ("POST", f"{_BY_ID}/actions/unlock", unlock),
    ("POST", f"{_BY_ID}/actions/force-unlock", force_unlock),
    ("GET", f"{_BY_ID}/vars", variables),
    ("POST", f"{_BY_ID}/vars", create_variable),
    ("GET", f"{_BY_ID}/vars/{{variable}}", show_variable),
    ("PATCH", f"{_BY_ID}/vars/{{variable}}", update_variable),
    ("DELETE", f"{_BY_ID}/vars/{{variable}}", delete_variable),
)


def _workspace(call: Call) -> Workspace:
    if "workspace" in call.request.path_params:
        return call.estate.workspace(call.path("workspace"))
    return call.estate.named(call.path("organization"), call.path("name"))


def _variable(call: Call, of: Workspace) -> Variable:
    found = of.variables.get(call.path("variable"))
    if found is None:
        raise not_found()
    return found


def _project_of(call: Call, organization: str, identifier: str) -> str:
    found = call.estate.projects.get(identifier)
    if found is None or found.organization != organization:
        raise invalid("project", "Project not found")
    return identifier


def _set(found: Workspace, given: Attributes) -> None:
    mode = given.text("execution-mode", found.execution_mode)
    if mode not in MODES:
        raise invalid("execution-mode", f"must be one of {', '.join(MODES)}")
    found.description = given.text("description", found.description)
    found.auto_apply = given.flag("auto-apply", default=found.auto_apply)
    found.terraform_version = given.text("terraform-version", found.terraform_version)
    found.working_directory = given.text("working-directory", found.working_directory)
    found.execution_mode = mode


def _set_variable(of: Workspace, found: Variable, given: Attributes) -> None:
    key, category = given.text("key", found.key), given.text("category", found.category)
    if not key:
        raise invalid("key", "can't be blank")
    if category not in CATEGORIES:
        raise invalid("category", "is not included in the list")
    for other in of.variables.values():
        if other.id != found.id and (other.key, other.category) == (key, category):
            raise invalid("key", "has already been taken")
    if found.sensitive and given.has("sensitive") and not given.flag("sensitive", default=True):
        raise invalid("sensitive", "cannot be taken back")
    found.key, found.category = key, category
    found.value = given.text("value", found.value)
    found.description = given.text("description", found.description)
    found.hcl = given.flag("hcl", default=found.hcl)
    found.sensitive = given.flag("sensitive", default=found.sensitive)


def _name(item: Organization | Project | Workspace) -> str:
    return item.name
