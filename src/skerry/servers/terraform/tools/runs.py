"""Runs: list, read, plans and logs; and with writes on, create, apply, discard and cancel."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import mcp_types as types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from pydantic import Field

from skerry.servers.terraform.arguments import (
    Addresses,
    Limit,
    Organization,
    Page,
    RunId,
    Tail,
    Text,
    WorkspaceName,
    clip,
    fields,
)
from skerry.servers.terraform.desk import Desk, Visit
from skerry.servers.terraform.library import Plan, models
from skerry.servers.terraform.tools import READ, changes
from skerry.servers.terraform.tools.workspaces import organization_of, read, read_by_id

Outcome = str | types.InputRequiredResult
Statuses = Annotated[
    str,
    Field(description="Only runs with these statuses, separated by commas.", pattern=r"^[a-z_,]{0,200}$"),
]
Place = tuple[models.Run, models.Workspace, str]


def summary_of(run: models.Run) -> dict[str, Any]:
    """A run in a list."""
    return fields(
        (
            ("id", run.id),
            ("status", run.status),
            ("message", clip(run.message, 300)),
            ("is_destroy", run.is_destroy),
            ("plan_only", run.plan_only),
            ("has_changes", run.has_changes),
            ("created_at", run.created_at),
        )
    )


def counts_of(plan: Plan) -> str:
    """What a plan would do, in one line."""
    parts = (plan.resource_additions, plan.resource_changes, plan.resource_destructions)
    if any(part is None for part in parts):
        return "not known"
    return "{} to add, {} to change, {} to destroy".format(*parts)


async def locate(visit: Visit, run_id: str) -> Place:
    """A run, its workspace and its organization, which must be one that this server works for."""
    run = await visit.call(lambda client: client.runs.read(run_id))
    if run.workspace is None:
        raise ToolError(f"Terraform does not say which workspace {run_id} belongs to.")
    workspace = await read_by_id(visit, run.workspace.id)
    return run, workspace, organization_of(workspace)


async def plan_of(visit: Visit, run: models.Run) -> Plan:
    """The plan of a run."""
    plan = run.plan
    if plan is None:
        raise ToolError(f"{run.id} has no plan.")
    return await visit.call(lambda client: client.plans.read(plan.id))


def add(server: FastMCP, desk: Desk) -> None:
    """Adds the tools that read."""
    _add_details(server, desk)
    _add_logs(server, desk)


def _add_details(server: FastMCP, desk: Desk) -> None:
    @server.tool(annotations=READ, title="Runs")
    async def list_runs(
        ctx: Context,
        *,
        workspace_name: WorkspaceName,
        terraform_org_name: Organization = "",
        status: Statuses = "",
        limit: Limit = 20,
        page: Page = 1,
    ) -> dict[str, Any]:
        """Lists the runs of a workspace, the latest first."""
        async with desk.visit(ctx, "list_runs") as visit:
            organization = await visit.organization(terraform_org_name)
            workspace = await read(visit, organization, workspace_name)
            options = models.RunListOptions.model_validate({"page_size": limit, "status": status or None})
            found = await visit.listing(
                "runs",
                lambda client: client.runs.list(workspace.id, options),
                summary_of,
                page=page,
                limit=limit,
            )
            return {"workspace": workspace_name, **found}

    @server.tool(annotations=READ, title="Run")
    async def get_run_details(ctx: Context, run_id: RunId) -> dict[str, Any]:
        """Gets a run: status, what can be done with it, and which workspace it is of."""
        async with desk.visit(ctx, "get_run_details") as visit:
            run, workspace, organization = await locate(visit, run_id)
            can = run.actions
            return {
                **summary_of(run),
                **fields(
                    (
                        ("workspace", workspace.name),
                        ("organization", organization),
                        ("auto_apply", run.auto_apply),
                        ("refresh_only", run.refresh_only),
                        ("target_addrs", run.target_addrs),
                        ("replace_addrs", run.replace_addrs),
                        ("can_be_applied", can.is_confirmable if can else None),
                        ("can_be_discarded", can.is_discardable if can else None),
                        ("can_be_canceled", can.is_cancelable if can else None),
                    )
                ),
            }

    @server.tool(annotations=READ, title="Plan")
    async def get_plan_details(ctx: Context, run_id: RunId) -> dict[str, Any]:
        """Gets what the plan of a run would add, change and destroy."""
        async with desk.visit(ctx, "get_plan_details") as visit:
            run, workspace, organization = await locate(visit, run_id)
            plan = await plan_of(visit, run)
            return fields(
                (
                    ("run_id", run.id),
                    ("plan_id", plan.id),
                    ("workspace", workspace.name),
                    ("organization", organization),
                    ("run_status", run.status),
                    ("status", plan.status),
                    ("has_changes", plan.has_changes),
                    ("additions", plan.resource_additions),
                    ("changes", plan.resource_changes),
                    ("destructions", plan.resource_destructions),
                    ("imports", plan.resource_imports),
                )
            )


def _add_logs(server: FastMCP, desk: Desk) -> None:
    @server.tool(annotations=READ, title="Log of a run")
    async def get_plan_logs(ctx: Context, run_id: RunId, tail: Tail = 20_000) -> dict[str, Any]:
        """Gets the end of the plan's log of a run, as plain text."""
        async with desk.visit(ctx, "get_plan_logs") as visit:
            run, _, _ = await locate(visit, run_id)
            plan = await plan_of(visit, run)
            return await _log(visit, run_id, plan.log_read_url, tail)

    @server.tool(annotations=READ, title="Log of an apply")
    async def get_apply_logs(ctx: Context, run_id: RunId, tail: Tail = 20_000) -> dict[str, Any]:
        """Gets the end of the apply's log of a run, as plain text."""
        async with desk.visit(ctx, "get_apply_logs") as visit:
            run, _, _ = await locate(visit, run_id)
            apply = run.apply
            if apply is None:
                raise ToolError(f"{run_id} has no apply.")
            found = await visit.call(lambda client: client.applies.read(apply.id))
            return await _log(visit, run_id, found.log_read_url, tail)


async def _log(visit: Visit, run_id: str, url: str | None, tail: int) -> dict[str, Any]:
    """The end of a log. pytfe's own `logs` gives an empty text whatever there is, so it is read here."""
    if not url:
        raise ToolError(f"There is no log of {run_id} yet.")
    text = await visit.desk.cloud.log(url)
    return {"run_id": run_id, "log": text[-tail:], "cut": len(text) > tail}


def add_writers(server: FastMCP, desk: Desk) -> None:
    """Adds the tools that change something; each asks the person first."""
    _add_create(server, desk)
    _add_apply(server, desk)
    _add_ends(server, desk)


def _add_create(server: FastMCP, desk: Desk) -> None:
    @server.tool(
        annotations=changes(destructive=False, idempotent=False), title="Plan a run", output_schema=None
    )
    async def create_run(
        ctx: Context,
        *,
        workspace_name: WorkspaceName,
        terraform_org_name: Organization = "",
        message: Text = "",
        plan_only: bool = False,
        is_destroy: bool = False,
        refresh_only: bool = False,
        target_addrs: Addresses | None = None,
        replace_addrs: Addresses | None = None,
    ) -> Outcome:
        """Plans a run in a workspace. It changes nothing until apply_run, whatever the workspace's settings.

        Asks the person to confirm first.
        """
        async with desk.visit(ctx, "create_run") as visit:
            if is_destroy and refresh_only:
                raise ToolError("Nothing was planned: is_destroy and refresh_only exclude each other.")
            organization = await visit.organization(terraform_org_name)
            found = await read(visit, organization, workspace_name)
            given: dict[str, object] = {
                "message": message,
                "plan_only": plan_only,
                "is_destroy": is_destroy,
                "refresh_only": refresh_only,
                "target_addrs": target_addrs or "",
                "replace_addrs": replace_addrs or "",
            }
            what = f"the workspace {workspace_name} of the organization {organization}"
            count = found.resource_count
            question = f"Plan a run in {what}?"
            if is_destroy:
                question = f"Plan to DESTROY everything that {what} manages ({count} resources)?"
            refused = await visit.approved(
                f"{question} Nothing is changed until the plan is applied.",
                {
                    "organization": organization,
                    "workspace": workspace_name,
                    "id": found.id,
                    **({"resources": count} if is_destroy else {}),
                    **{name: value for name, value in given.items() if value not in ("", False)},
                },
            )
            if refused is not None:
                return refused
            options = models.RunCreateOptions.model_validate(
                {
                    "workspace": models.Workspace.model_validate({"id": found.id}),
                    "message": message or None,
                    "plan_only": plan_only,
                    "is_destroy": is_destroy,
                    "refresh_only": refresh_only,
                    "auto_apply": False,
                    "target_addrs": target_addrs,
                    "replace_addrs": replace_addrs,
                }
            )
            made = await visit.call(lambda client: client.runs.create(options), writes=True)
            return (
                f"The run {made.id} is planned in {what}. Look at it with get_plan_details; "
                "apply_run applies it and discard_run gives it up."
            )


def _add_apply(server: FastMCP, desk: Desk) -> None:
    @server.tool(
        annotations=changes(destructive=True, idempotent=False), title="Apply a run", output_schema=None
    )
    async def apply_run(ctx: Context, run_id: RunId, comment: Text = "") -> Outcome:
        """Applies the plan of a run that waits for it: creates, changes and destroys real resources.

        Asks the person to confirm first, with the numbers of the plan.
        """
        async with desk.visit(ctx, "apply_run") as visit:
            run, workspace, organization = await locate(visit, run_id)
            if run.actions is None or not run.actions.is_confirmable:
                raise ToolError(_not_now(run, "applied", "a run whose plan waits for a confirmation"))
            plan = await plan_of(visit, run)
            counts = counts_of(plan)
            what = f"the workspace {workspace.name} of the organization {organization}"
            question = f"Apply the plan of {run_id} in {what}: {counts}?"
            if plan.resource_destructions or run.is_destroy:
                question = (
                    f"Apply the plan of {run_id}: it DESTROYS {plan.resource_destructions} of the "
                    f"{workspace.resource_count} resources of {what} ({counts}). This cannot be undone."
                )
            refused = await visit.approved(
                question,
                {
                    "organization": organization,
                    "workspace": workspace.name or "",
                    "run_id": run_id,
                    "plan": counts,
                    "comment": comment,
                },
            )
            if refused is not None:
                return refused
            options = models.RunApplyOptions.model_validate({"comment": comment or None})
            await visit.call(lambda client: client.runs.apply(run_id, options), writes=True)
            return f"The apply of {run_id} in {what} is queued ({counts}); get_run_details shows how it goes."


def _add_ends(server: FastMCP, desk: Desk) -> None:
    async def end(
        ctx: Context, verb: Literal["discard", "cancel"], run_id: str, comment: str, waits: str
    ) -> Outcome:
        async with desk.visit(ctx, f"{verb}_run") as visit:
            run, workspace, organization = await locate(visit, run_id)
            can = run.actions
            allowed = can is not None and (can.is_discardable if verb == "discard" else can.is_cancelable)
            if not allowed:
                raise ToolError(_not_now(run, f"{verb}{'l' if verb == 'cancel' else ''}ed", waits))
            status = getattr(run.status, "value", run.status)
            refused = await visit.approved(
                f"{verb.capitalize()} {run_id} in the workspace {workspace.name} of the organization "
                f"{organization}? It is {status}.",
                {
                    "organization": organization,
                    "workspace": workspace.name or "",
                    "run_id": run_id,
                    "status": status,
                    "comment": comment,
                },
            )
            if refused is not None:
                return refused
            if verb == "discard":
                discard = models.RunDiscardOptions.model_validate({"comment": comment or None})
                await visit.call(lambda client: client.runs.discard(run_id, discard), writes=True)
                return f"{run_id} is discarded; nothing was applied."
            cancel = models.RunCancelOptions.model_validate({"comment": comment or None})
            await visit.call(lambda client: client.runs.cancel(run_id, cancel), writes=True)
            return f"The cancel of {run_id} is queued; get_run_details shows how it goes."

    @server.tool(
        annotations=changes(destructive=True, idempotent=True), title="Discard a run", output_schema=None
    )
    async def discard_run(ctx: Context, run_id: RunId, comment: Text = "") -> Outcome:
        """Gives up the plan of a run that waits to be applied. Asks the person to confirm first."""
        return await end(ctx, "discard", run_id, comment, "a run whose plan waits for a confirmation")

    @server.tool(
        annotations=changes(destructive=True, idempotent=True), title="Cancel a run", output_schema=None
    )
    async def cancel_run(ctx: Context, run_id: RunId, comment: Text = "") -> Outcome:
        """Interrupts a run that is planning or applying. Asks the person to confirm first."""
        return await end(ctx, "cancel", run_id, comment, "a run that is planning or applying")


def _not_now(run: models.Run, done: str, waits: str) -> str:
    status = getattr(run.status, "value", run.status)
    return f"Nothing was changed: {run.id} is {status}; only {waits} can be {done}."
