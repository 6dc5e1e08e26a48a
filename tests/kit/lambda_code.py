"""Deployment packages, and a place where the functions plane finds deployed functions."""

from __future__ import annotations

import base64
import hashlib
import io
import uuid
import zipfile
from collections.abc import Mapping
from typing import Any

from skerry.errors import ServiceError


def zipped(**modules: str) -> bytes:
    """A zip with a file `NAME.py` for each keyword."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in modules.items():
            archive.writestr(f"{name}.py", text)
    return data.getvalue()


def returning(value: object) -> bytes:
    """A zip whose `app.handler` returns a value."""
    return zipped(app=f"def handler(event, context): return {value!r}")


class FakeFunctionSource:
    """Implements `ports.FunctionSource` from a dictionary by name and qualifier.

    `fetched` counts how often code was asked for; while `away` is set it does not answer.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], dict[str, Any]] = {}
        self.code: dict[tuple[str, str], bytes] = {}
        self.statements: dict[str, list[Any]] = {}
        self.fetched = 0
        self.away = False
        self._ids: dict[str, str] = {}

    def put(self, name: str, code: bytes, *, qualifier: str = "", **members: Any) -> None:
        """Makes or changes a function; `members` are those of `aws.functions.described`."""
        self.code[name, qualifier] = code
        self.known[name, qualifier] = {
            "id": self._ids.setdefault(name, uuid.uuid4().hex),
            "version": qualifier or "$LATEST",
            "handler": "app.handler",
            "runtime": "python3.12",
            "role": "arn:aws:iam::123456789012:role/desk",
            "timeout": 20,
            "memory": 128,
            "environment": {},
            "package": "Zip",
            "layers": [],
            "sha256": base64.b64encode(hashlib.sha256(code).digest()).decode() if code else "",
            "concurrency": None,
            "url": None,
            **members,
        }

    def delete(self, name: str) -> None:
        """The function with all its versions."""
        del self._ids[name]
        self.statements.pop(name, None)
        for key in [key for key in self.known if key[0] == name]:
            del self.known[key]

    async def function(self, asked: Mapping[str, str]) -> dict[str, Any] | None:
        if self.away:
            raise ServiceError("ServiceUnavailable", 503, "The embedded cloud does not answer.")
        name = asked["name"]
        if name not in self._ids:
            return None
        told = {"id": self._ids[name], "statements": list(self.statements.get(name, [])), "version": None}
        return {**told, **self.known.get((name, asked["qualifier"]), {})}

    async def function_code(self, asked: Mapping[str, str]) -> bytes:
        self.fetched += 1
        return self.code[asked["name"], asked["qualifier"]]

    async def keep_function_policy(
        self, asked: Mapping[str, str], resource: str, statements: list[Any]
    ) -> None:
        name = asked["name"]
        others = [item for item in self.statements.get(name, []) if item["Resource"] != resource]
        self.statements[name] = [*others, *statements]
