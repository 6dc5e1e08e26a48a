"""What a session remembers, in one file below the session's home.

The agent object of a run is built anew each time from this record, so a question that waits for a person
survives a restart of the process on the same storage. A record is written whole and swapped in at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from strands.types.session import decode_bytes_values, encode_bytes_values

from skerry.agent.approvals import Pause
from skerry.agent.errors import AgentError

VERSION = 1

STOPPED = "The answer was stopped."
UNKNOWN_OUTCOME = (
    "No result: the answer was stopped during this call. It may or may not have been carried out."
)


@dataclass(frozen=True, slots=True)
class Record:
    """One session: whose it is, the agent's own snapshot, open questions, and whether a run is under way.

    `snapshot` is that of Strands (`Agent.take_snapshot`). A record that is read with `running` was left
    behind by a process that ended in the middle of a run.
    """

    owner: str
    snapshot: Mapping[str, Any] | None = None
    pauses: tuple[Pause, ...] = ()
    running: bool = False

    def settled(self) -> Record:
        """The record without the run that was stopped: every call has a result, every question an end."""
        if not self.running or self.snapshot is None:
            return replace(self, running=False, pauses=())
        data = {name: value for name, value in self.snapshot["data"].items() if name != "interrupt_state"}
        data["messages"] = mend(data.get("messages", []))
        return Record(owner=self.owner, snapshot={**self.snapshot, "data": data})


class Store:
    """Session records in a directory, one file each, readable by their owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, session_id: str) -> Record | None:
        """The record of a session, or None when there is none.

        Raises AgentError STATE_ERROR when it cannot be read: an unread record must not be overwritten.
        """
        path = self._path(session_id)
        try:
            data = decode_bytes_values(json.loads(path.read_text(encoding="utf-8")))
            if data["version"] != VERSION:
                raise ValueError(f"version {data['version']}")
            pauses = tuple(Pause(**pause) for pause in data["pauses"])
            return Record(data["owner"], data["snapshot"], pauses, data["running"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AgentError(
                "STATE_ERROR",
                f"what this session remembers cannot be read ({type(error).__name__}).",
                hint="Start a new session.",
            ) from error

    def save(self, session_id: str, record: Record) -> None:
        """Writes a record. Raises AgentError STATE_ERROR when the storage refuses."""
        data = encode_bytes_values({"version": VERSION, **asdict(record)})
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".session-")  # made 0600
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(data, file, separators=(",", ":"))
            Path(temporary).replace(self._path(session_id))
        except OSError as error:
            raise AgentError(
                "STATE_ERROR", f"what this session remembers cannot be written: {error.strerror}."
            ) from error

    def _path(self, session_id: str) -> Path:
        return self._folder / f"{hashlib.sha256(session_id.encode()).hexdigest()[:40]}.json"


def mend(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages that a model accepts: every tool call has a result and the assistant spoke last."""
    mended = [dict(message) for message in messages]
    if not mended:
        return mended
    calls = [block["toolUse"]["toolUseId"] for block in mended[-1]["content"] if "toolUse" in block]
    if mended[-1]["role"] == "assistant" and not calls:
        return mended
    if calls:
        results = [
            {"toolResult": {"toolUseId": call, "status": "error", "content": [{"text": UNKNOWN_OUTCOME}]}}
            for call in calls
        ]
        mended.append({"role": "user", "content": results})
    mended.append({"role": "assistant", "content": [{"text": STOPPED}]})
    return mended
