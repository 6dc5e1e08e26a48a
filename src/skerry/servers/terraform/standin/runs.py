"""The life of a run: pending, planning, planned, then confirmed, applying, applied, or an early end.

    pending ─▶ planning ─▶ planned ─▶ confirmed ─▶ applying ─▶ applied
                  │           ├──────▶ discarded
                  │           └──────▶ planned_and_finished (plan only, or nothing to do)
                  └──────────────────▶ canceled (from pending, planning, confirmed and applying)

Phases last `step` seconds of the clock, and are caught up with whenever somebody looks. A run that plans
to apply holds its workspace's lock from planning to its end; the next one waits as pending, as does every
run of a workspace that a person locked.
"""

from __future__ import annotations

from dataclasses import dataclass

from skerry.servers.terraform.standin.estate import Estate, Run, Workspace
from skerry.servers.terraform.standin.problems import conflict

FINAL = ("applied", "planned_and_finished", "discarded", "canceled", "errored")
_NEXT = {"planning": "planned", "confirmed": "applying", "applying": "applied"}
CANCELABLE = ("pending", "planning", "confirmed", "applying")


@dataclass(frozen=True, slots=True)
class Runs:
    """Moves the runs of an estate."""

    estate: Estate
    step: float

    def catch_up(self) -> None:
        """Brings every run to where it is by now, the oldest first."""
        for run in self.estate.runs.values():
            self._catch_up(run)

    def apply(self, run: Run) -> None:
        """Confirms a plan. Raises ProblemError (409)."""
        if run.status != "planned":
            raise conflict("Run was not paused for confirmation; apply not allowed.")
        self._to(run, "confirmed", self.estate.now())

    def discard(self, run: Run) -> None:
        """Gives a plan up. Raises ProblemError (409)."""
        if run.status != "planned":
            raise conflict("Run was not paused for confirmation or priority; discard not allowed.")
        self._to(run, "discarded", self.estate.now())

    def cancel(self, run: Run) -> None:
        """Interrupts a run. Raises ProblemError (409)."""
        if run.status not in CANCELABLE:
            raise conflict("Run was not planning or applying; cancel not allowed.")
        self._to(run, "canceled", self.estate.now())

    def _catch_up(self, run: Run) -> None:
        now = self.estate.now()
        while run.status in ("pending", *_NEXT) and run.since + self.step <= now:
            at = run.since + self.step
            if run.status == "pending":
                workspace = self.estate.workspaces[run.workspace]
                if workspace.locked_by:
                    return
                if not run.plan_only:
                    workspace.locked_by = run.id
                self._to(run, "planning", at)
            elif run.status == "planning":
                self._plan(run)
                self._to(run, "planned", at)
                if run.plan_only or not (run.additions or run.changes or run.destructions):
                    self._to(run, "planned_and_finished", at)
                elif run.auto_apply:
                    self._to(run, "confirmed", at)
            else:
                self._to(run, _NEXT[run.status], at)

    def _to(self, run: Run, status: str, at: float) -> None:
        run.status, run.since = status, at
        run.times[status] = at
        workspace = self.estate.workspaces[run.workspace]
        if status == "applied":
            self.estate.add_state(workspace, self._after(run, workspace), run.id)
        if status in FINAL and workspace.locked_by == run.id:
            workspace.locked_by = ""

    def _plan(self, run: Run) -> None:
        workspace = self.estate.workspaces[run.workspace]
        current = set(workspace.resources)
        wanted = set() if run.is_destroy else set(workspace.configuration or ())
        if run.refresh_only:
            wanted = current
        chosen = set(run.targets) or current | wanted
        run.additions = tuple(sorted((wanted - current) & chosen))
        run.destructions = tuple(sorted((current - wanted) & chosen))
        replaced = sorted(set(run.replaces) & current & wanted & chosen)
        run.additions += tuple(replaced)
        run.destructions += tuple(replaced)

    @staticmethod
    def _after(run: Run, workspace: Workspace) -> tuple[str, ...]:
        left = set(workspace.resources) - set(run.destructions)
        return tuple(sorted(left | set(run.additions)))


def plan_log(run: Run) -> str:
    """The text of a plan's log, in the manner of Terraform and not in its words."""
    if run.status in ("pending", "planning"):
        return ""
    lines = ["Terraform stand-in: this plan was made up from a declared list of resources.", ""]
    lines += [f"  + {address}" for address in run.additions]
    lines += [f"  ~ {address}" for address in run.changes]
    lines += [f"  - {address}" for address in run.destructions]
    counts = f"{len(run.additions)} to add, {len(run.changes)} to change, {len(run.destructions)} to destroy."
    return "\n".join([*lines, "", f"Plan: {counts}", ""])


def apply_log(run: Run) -> str:
    """The text of an apply's log."""
    if run.status != "applied":
        return ""
    lines = [f"{address}: destroyed" for address in run.destructions]
    lines += [f"{address}: created" for address in run.additions]
    counts = f"{len(run.additions)} added, {len(run.changes)} changed, {len(run.destructions)} destroyed."
    return "\n".join([*lines, "", f"Apply complete! {counts}", ""])
