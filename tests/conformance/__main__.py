"""`make conformance`: the official suite directly and through skerry, in both revisions, and what differs.

    python -m tests.conformance [--install] [--road ROAD|all] [--revision V] [--scenario NAME] [--keep DIR]

The road `identity` is another one: its scenarios are those of authorization servers, and nothing is compared. So is
`client`: there the suite is the server, and what our client fails has to be excused. Exits 1 when the reference server
itself fails a check, when a check differs that `exceptions.toml` does not excuse, and when it excuses one that does not
differ.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conformance import identity, roads, suite
from tests.conformance.comparison import differences, excuses, failures, judged, table
from tests.conformance.suite import REVISIONS, ROOT, Results, SuiteError

OUTPUT = ROOT / "results" / "conformance"
ROADS: dict[str, Callable[[Path], contextlib.AbstractContextManager[str]]] = {
    "direct": roads.direct,
    "chain": roads.chain,
    "gateway": roads.gateway,
    "dynamic": roads.dynamic,
    "guarded": roads.guarded,
}
IDENTITY = "identity"
CLIENT = "client"


def main() -> int:
    options = _options()
    try:
        if not suite.installed() or (options.install and suite.mcp_remote() is None):
            print("installing the suite into .conformance (once, less than a minute)", flush=True)
            suite.install()
        if options.install:
            return 0
        identity_failed = _identity(options) if options.road in (IDENTITY, "all") else 0
        if options.road == IDENTITY:
            return identity_failed
        with _folder(options.keep) as folder:
            compared = {"all": tuple(ROADS), CLIENT: ()}.get(options.road, ("direct", options.road))
            found = {name: _walk(name, folder, options) for name in compared}
            clients = _clients(options) if options.road in (CLIENT, "all") else {}
    except SuiteError as problem:
        print(problem, file=sys.stderr)
        return 1
    wrong = [identity_failed, *(_report_client(revision, results) for revision, results in clients.items())]
    if found:
        wrong += [
            _report(revision, {name: runs[revision] for name, runs in found.items()})
            for revision in options.revision
        ]
    return max(wrong)


def _identity(options: argparse.Namespace) -> int:
    """Prints what the suite says of the identity provider; 1 when a check failed. Warnings are printed only."""
    failed = 0
    with identity.provider() as running:
        for revision in options.revision:
            results = identity.run(running, revision, OUTPUT / f"{IDENTITY}-{revision}")
            print(f"\n-- {IDENTITY} {revision}: passed / failed --")
            print(*table({IDENTITY: results}), sep="\n")
            for check, messages in results.messages.items():
                print(f"{IDENTITY}: {check}: {' | '.join(dict.fromkeys(messages))}")
            failed |= results.count("FAILURE", "SKIPPED") > 0
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance", description="The official MCP suite."
    )
    parser.add_argument("--install", action="store_true", help="install the tools and do nothing else")
    parser.add_argument(
        "--road", choices=(*ROADS, IDENTITY, CLIENT, "all"), default="all", help="default: all"
    )
    parser.add_argument("--revision", choices=REVISIONS, action="append", help="default: both")
    parser.add_argument("--scenario", default="", help="one scenario only")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="an empty folder for the logs of all programs"
    )
    options = parser.parse_args()
    options.revision = options.revision or list(REVISIONS)
    return options


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="skerry-conformance-") as name:
        yield Path(name)


def _walk(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Results]:
    """The results of one road by revision."""
    found: dict[str, Results] = {}
    for revision in options.revision:
        place = folder / f"{name}-{revision}"
        place.mkdir()
        with ROADS[name](place) as url:
            began = time.monotonic()
            found[revision] = suite.run(url, revision, OUTPUT / f"{name}-{revision}", options.scenario)
            print(f"{name} {revision}: {time.monotonic() - began:.0f} s", flush=True)
    return found


def _clients(options: argparse.Namespace) -> dict[str, Results]:
    """The results of our client by revision."""
    found: dict[str, Results] = {}
    for revision in options.revision:
        began = time.monotonic()
        found[revision] = suite.run_client(revision, OUTPUT / f"client-{revision}", options.scenario)
        print(f"client {revision}: {time.monotonic() - began:.0f} s", flush=True)
    return found


def _report_client(revision: str, results: Results) -> int:
    """Prints our client at one revision; 1 when it fails a check without a reason."""
    print(f"\n-- client, {revision}: passed / failed --")
    print(*table({"client": results}), sep="\n")
    known = [excuse for excuse in excuses() if excuse.road == "client" and excuse.revision == revision]
    unexcused, stale = failures(results, known)
    for check in unexcused:
        print(f"client: {check}: {' | '.join(dict.fromkeys(results.messages[check]))}")
    for excuse in stale:
        print(f"  excused, but it does not fail: {excuse.check}")
    return int(bool(unexcused) or bool(stale))


def _report(revision: str, roads_found: dict[str, Results]) -> int:
    """Prints one revision; 1 when something is wrong with it."""
    print(f"\n-- {revision}: passed / failed --")
    print(*table(roads_found), sep="\n")
    wrong = 0
    direct = roads_found["direct"]
    for name, results in roads_found.items():
        for check, messages in results.messages.items():
            print(f"{name}: {check}: {' | '.join(dict.fromkeys(messages))}")
            wrong |= name == "direct"
    return max([int(wrong), *(_compare(revision, name, direct, roads_found[name]) for name in roads_found)])


def _compare(revision: str, road: str, direct: Results, found: Results) -> int:
    """Prints what differs on one road; 1 when something does without a reason."""
    if road == "direct":
        return 0
    differing = differences(direct, found)
    known = [excuse for excuse in excuses() if excuse.road == road]
    unexcused, stale = judged(revision, differing, known, direct.scenarios())
    excused = len(differing) - len(unexcused)
    print(f"{road}: {len(differing)} checks differ, {excused} of them with a reason in exceptions.toml")
    for difference in unexcused:
        print(f"  differs: {difference}")
    for excuse in stale:
        print(f"  excused, but it does not differ: {excuse.check}")
    return int(bool(unexcused) or bool(stale))


if __name__ == "__main__":
    sys.exit(main())
