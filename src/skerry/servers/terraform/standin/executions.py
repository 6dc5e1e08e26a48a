"""Runs, plans, applies, and the states that they leave behind."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from skerry.servers.terraform.standin import documents
from skerry.servers.terraform.standin.calls import Call, Handler, answer, data
from skerry.servers.terraform.standin.estate import Estate, Run, StateVersion, Workspace
from skerry.servers.terraform.standin.problems import ProblemError, invalid, not_found
from skerry.servers.terraform.standin.runs import apply_log, plan_log

DEFAULT_MESSAGE = "Queued manually via the Terraform Enterprise API"


async def runs(call: Call) -> Response:
    """GET /workspaces/{workspace}/runs, the latest first."""
    found = call.estate.workspace(call.path("workspace"))
    query = call.query("filter[status]", "filter[operation]", "filter[source]")
    wanted = query.wanted
    statuses = wanted["filter[status]"].split(",") if "filter[status]" in wanted else None
    listed = [
        run
        for run in map(call.estate.run, reversed(found.runs))
        if (statuses is None or run.status in statuses)
        and wanted.get("filter[operation]", _operation(run)) == _operation(run)
        and wanted.get("filter[source]", "tfe-api") == "tfe-api"
    ]
    return call.listed(query, listed, documents.run)


async def create_run(call: Call) -> Response:
    """POST /runs."""
    given = await call.resource("runs")
    workspace = call.estate.workspace(given.relation("workspace"))
    is_destroy = given.flag("is-destroy", default=False)
    refresh_only = given.flag("refresh-only", default=False)
    if is_destroy and refresh_only:
        raise invalid("refresh-only", "is mutually exclusive with is-destroy")
    if workspace.configuration is None:
        raise ProblemError(422, "invalid attribute", "Configuration version is missing")
    now = call.estate.now()
    made = Run(
        id=call.estate.new_id("run"),
        plan=call.estate.new_id("plan"),
        apply=call.estate.new_id("apply"),
        workspace=workspace.id,
        message=given.text("message", DEFAULT_MESSAGE),
        created=now,
        by=call.user,
        is_destroy=is_destroy,
        plan_only=given.flag("plan-only", default=False),
        refresh_only=refresh_only,
        auto_apply=given.flag("auto-apply", default=workspace.auto_apply),
        targets=given.texts("target-addrs"),
        replaces=given.texts("replace-addrs"),
        since=now,
        times={"plan_queueable": now},
    )
    call.estate.runs[made.id] = made
    workspace.runs.append(made.id)
    return data(documents.run(made), 201)


async def show_run(call: Call) -> Response:
    """GET /runs/{run}."""
    return data(documents.run(call.estate.run(call.path("run"))))


async def apply_run(call: Call) -> Response:
    """POST …/actions/apply."""
    found = call.estate.run(call.path("run"))
    await call.body()
    call.runs.apply(found)
    return Response(status_code=202)


async def discard_run(call: Call) -> Response:
    """POST …/actions/discard."""
    found = call.estate.run(call.path("run"))
    await call.body()
    call.runs.discard(found)
    return Response(status_code=202)


async def cancel_run(call: Call) -> Response:
    """POST …/actions/cancel."""
    found = call.estate.run(call.path("run"))
    await call.body()
    call.runs.cancel(found)
    return Response(status_code=202)


async def show_plan(call: Call) -> Response:
    """GET /plans/{plan}."""
    found = call.estate.of_plan(call.path("plan"))
    return data(documents.plan(found, call.url(call.estate.secret_path(found.plan))))


async def show_apply(call: Call) -> Response:
    """GET /applies/{apply}."""
    found = call.estate.of_apply(call.path("apply"))
    return data(documents.applied(found, call.url(call.estate.secret_path(found.apply))))


async def states(call: Call) -> Response:
    """GET /state-versions, the latest first; workspace and organization must be named."""
    by_workspace, by_organization = "filter[workspace][name]", "filter[organization][name]"
    query = call.query(by_workspace, by_organization)
    for name in (by_workspace, by_organization):
        if name not in query.wanted:
            raise ProblemError(422, "invalid attribute", f"{name} is required")
    found = call.estate.named(query.wanted[by_organization], query.wanted[by_workspace])
    return call.listed(query, found.states[::-1], lambda state: _state(call, state))


async def show_state(call: Call) -> Response:
    """GET /state-versions/{state}."""
    return data(_state(call, call.estate.state_version(call.path("state"))))


async def current_state(call: Call) -> Response:
    """GET /workspaces/{workspace}/current-state-version."""
    return data(_state(call, _current(call.estate.workspace(call.path("workspace")))))


async def outputs(call: Call) -> Response:
    """GET /state-versions/{state}/outputs: the description does not say that it hides anything."""
    found = call.estate.state_version(call.path("state"))
    return call.listed(call.query(), found.outputs, lambda each: documents.output(each, reveal=True))


async def current_outputs(call: Call) -> Response:
    """GET /workspaces/{workspace}/current-state-version-outputs: sensitive ones are null."""
    found = _current(call.estate.workspace(call.path("workspace")))
    return answer({"data": [documents.output(each, reveal=False) for each in found.outputs]})


async def output(call: Call) -> Response:
    """GET /state-version-outputs/{output}: reveals a sensitive one."""
    for workspace in call.estate.workspaces.values():
        for state in workspace.states:
            for each in state.outputs:
                if each.id == call.path("output"):
                    return data(documents.output(each, reveal=True))
    raise not_found()


def archived(estate: Estate, secret: str) -> Response:
    """What is behind a secret URL. Raises ProblemError (404)."""
    identifier = estate.archive.get(secret, "")
    if identifier.startswith("plan-"):
        return PlainTextResponse(plan_log(estate.of_plan(identifier)))
    if identifier.startswith("apply-"):
        return PlainTextResponse(apply_log(estate.of_apply(identifier)))
    raise not_found()


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/workspaces/{workspace}/runs", runs),
    ("POST", "/runs", create_run),
    ("GET", "/runs/{run}", show_run),
    ("POST", "/runs/{run}/actions/apply", apply_run),
    ("POST", "/runs/{run}/actions/discard", discard_run),
    ("POST", "/runs/{run}/actions/cancel", cancel_run),
    ("GET", "/plans/{plan}", show_plan),
    ("GET", "/applies/{apply}", show_apply),
    ("GET", "/state-versions", states),
    ("GET", "/state-versions/{state}", show_state),
    ("GET", "/state-versions/{state}/outputs", outputs),
    ("GET", "/workspaces/{workspace}/current-state-version", current_state),
    ("GET", "/workspaces/{workspace}/current-state-version-outputs", current_outputs),
    ("GET", "/state-version-outputs/{output}", output),
)


def _operation(run: Run) -> str:
    if run.plan_only:
        return "plan_only"
    if run.refresh_only:
        return "refresh_only"
    return "destroy" if run.is_destroy else "plan_and_apply"


def _current(workspace: Workspace) -> StateVersion:
    if workspace.state is None:
        raise not_found()
    return workspace.state


def _state(call: Call, state: StateVersion) -> documents.Document:
    version = call.estate.workspace(state.workspace).terraform_version
    return documents.state_version(state, version, call.url(call.estate.secret_path(state.id)))
