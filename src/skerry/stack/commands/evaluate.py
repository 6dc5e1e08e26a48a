"""`skerry eval`: how well the desk's model chooses tools, on labelled questions.

The running stack is used, else one is started for the time. The offline router is always scored; where
another model is configured, that one too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from skerry.errors import NotRunningError, ProgramError
from skerry.evaluation import asking, report
from skerry.evaluation.questions import Part, Question, load
from skerry.evaluation.scoring import Verdict, judge
from skerry.settings import AgentSettings
from skerry.sockets import loop_factory
from skerry.stack.commands import up
from skerry.stack.commands.env import add_state
from skerry.stack.endpoint import MODELS
from skerry.stack.state import running

GATEWAY = "desk"
ROUTER = "local-router"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument(
        "--questions", choices=("all", "tuning", "held-out"), default="all", help="which part (default: all)"
    )
    parser.add_argument("--wrong", action="store_true", help="also print every question that went wrong")
    parser.add_argument("--json", action="store_true", help="figures and answers as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Scores. Returns 0, whatever the scores are.

    Raises ProgramError when a model did not answer a single question, and what starting a stack raises.
    """
    parts: Sequence[Part] = ("tuning", "held-out") if options.questions == "all" else (options.questions,)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        results = runner.run(_evaluated(options, load(parts), _progress(quiet=options.json)))
    for model, verdicts in results.items():
        if all(verdict.given.problem for verdict in verdicts):
            raise ProgramError(f"{model} answered nothing: {verdicts[0].given.problem}")
    if options.json:
        print(json.dumps(report.as_json(results), ensure_ascii=False))
        return 0
    print(report.table(results))
    if options.wrong and (text := report.wrong(results)):
        print(f"\n{text}")
    return 0


async def _evaluated(
    options: argparse.Namespace, questions: Sequence[Question], progress: Callable[[str], None]
) -> report.Results:
    results: dict[str, Sequence[Verdict]] = {}
    async with AsyncExitStack() as stacks:
        stack = await _stack(stacks, options, progress)
        configured = stack["models"] != MODELS["router"]
        if configured:
            model_id = AgentSettings.from_env(os.environ).model.model_id
            results[f"{stack['models']} ({model_id})"] = await _scored(stack, model_id, questions, progress)
            stack = await _with_router(stacks, progress)
        return {ROUTER: await _scored(stack, ROUTER, questions, progress), **results}


async def _scored(
    stack: Mapping[str, Any], model_id: str, questions: Sequence[Question], progress: Callable[[str], None]
) -> Sequence[Verdict]:
    def ask() -> list[Verdict]:
        offered = asking.tools(stack, GATEWAY)
        with closing(asking.Model(stack, offered, model_id=model_id)) as model:
            verdicts = []
            for question, given in asking.ask_all(model, questions):
                verdicts.append(judge(question, given))
                progress(f"{model_id}: {len(verdicts)} of {len(questions)} questions")
            return verdicts

    return await asyncio.to_thread(ask)


async def _stack(
    stacks: AsyncExitStack, options: argparse.Namespace, progress: Callable[[str], None]
) -> Mapping[str, Any]:
    """The running stack, or one of the bundled desk that is started here."""
    try:
        return running(options.state)
    except NotRunningError:
        progress("starting a stack")
        chosen = up.settings(argparse.Namespace(state=options.state, port=0, file=up.BUNDLED))
        return await stacks.enter_async_context(up.started(chosen, lambda _line: None))


async def _with_router(stacks: AsyncExitStack, progress: Callable[[str], None]) -> Mapping[str, Any]:
    """A second stack, answered by the router, in a state directory that goes with it."""
    progress("starting a stack with the offline router")
    folder = stacks.enter_context(tempfile.TemporaryDirectory(prefix="skerry-eval-"))
    chosen = up.settings(argparse.Namespace(state=Path(folder), port=0, file=up.BUNDLED))
    kept = {name: value for name, value in chosen.environment.items() if not name.startswith("SKERRY_MODELS")}
    chosen = replace(chosen, environment=kept)
    return await stacks.enter_async_context(up.started(chosen, lambda _line: None))


def _progress(*, quiet: bool) -> Callable[[str], None]:
    """One line on a terminal that is written over; elsewhere only that a stack is being started."""
    if quiet:
        return lambda _line: None
    if not sys.stderr.isatty():
        return lambda line: print(line, file=sys.stderr) if line.startswith("starting") else None
    return lambda line: print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
