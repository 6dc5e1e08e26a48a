"""The Function URLs of a stack: which there are, and the operations of Lambda that tell and change it.

URLs are declared in skerry.toml, or made for a deployed function, and go with that. What the operations
change holds until the stack ends.

Source: service model of Lambda (2021-10-31), function URL operations.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from skerry.errors import ServiceError
from skerry.local.api import rest_json, service_model
from skerry.local.api.rest_json import Reply
from skerry.local.api.service_model import Match
from skerry.local.api.validation import validate
from skerry.local.functions import names
from skerry.local.functions.replies import not_found
from skerry.local.functions.settings import Cors, FunctionsSettings, UrlSettings
from skerry.wire.arn import lambda_arn

PATH = b"/function-urls/"
_CONTROL = re.compile(r"/2021-10-31/functions/([^/]+)/urls?/?")
_HOST = re.compile(r"([a-z0-9]+)\.lambda-url\.[a-z0-9-]+\.localhost(?::\d+)?")
_PATH = re.compile(r"/function-urls/([a-z0-9]+)(/.*)?")


@dataclass(frozen=True, slots=True)
class Url:
    """A Function URL. `created` and `modified` are ISO 8601."""

    id: str
    function: str
    settings: UrlSettings
    created: str
    modified: str


def url_id(region: str, account: str, name: str) -> str:
    """The id of a function's URL: the same with each start."""
    digest = hashlib.sha256(f"{region} {account} {name}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:32]


def url_of(endpoint: str, identifier: str) -> str:
    """Where a URL is served here."""
    return f"{endpoint}/function-urls/{identifier}/"


def asked(raw_path: bytes, host: str) -> tuple[str, str] | None:
    """The id of the URL that a request is for, by its host or by its path, and the path below it."""
    path = raw_path.decode("latin-1")
    by_host = _HOST.fullmatch(host.lower())
    if by_host is not None:
        return by_host[1], path
    by_path = _PATH.fullmatch(path)
    return (by_path[1], by_path[2] or "/") if by_path else None


def control_name(raw_path: bytes) -> str | None:
    """The function that a path of the URL operations names, or None for another path."""
    found = _CONTROL.fullmatch(raw_path.decode("latin-1"))
    return found[1] if found else None


class Urls:
    """The URLs by id, and the operations on them."""

    def __init__(self, settings: FunctionsSettings, *, now: str) -> None:
        self._settings = settings
        self._urls: dict[str, Url] = {}
        self._owners: dict[str, str] = {}
        for name, function in settings.functions.items():
            if function.url is not None:
                self._set(name, function.url, created=now, modified=now)

    def get(self, identifier: str) -> Url | None:
        """A URL by its id."""
        return self._urls.get(identifier)

    def settle(self, name: str, owner: str, given: Mapping[str, Any] | None, *, now: str) -> None:
        """What is known of a deployed function's URL is that of `owner`, which one of that name it is.

        One that is seen for the first time may have one already: `given` is its configuration then.
        """
        if self._owners.get(name) != owner:
            self.forget(name)
            self._owners[name] = owner
            if given:
                self._set(name, _changed(UrlSettings(), given), created=now, modified=now)

    def owner(self, name: str) -> str:
        """Which function of that name the URL is of; "" for a declared one."""
        return self._owners.get(name, "")

    def forget(self, name: str) -> None:
        """A deployed function is gone, and its URL with it."""
        if self._owners.pop(name, None) is not None:
            self._urls.pop(self._id(name), None)

    def perform(
        self, match: Match, query: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes, *, now: str
    ) -> Reply:
        """Performs an operation for a function that is there. Raises ServiceError."""
        model = service_model.load("lambda")
        given = rest_json.parse(model, match, query, headers, body)
        validate(model, match.operation.input, given)
        name = names.parse(given["FunctionName"]).name
        if given.get("Qualifier"):
            raise not_found(f"Function not found: {self._arn(name)}:{given['Qualifier']}")
        act = _OPERATIONS[match.operation.name]
        return rest_json.reply(model, match.operation, act(self, name, given, now))

    def create(self, name: str, given: Mapping[str, Any], now: str) -> dict[str, Any]:
        """CreateFunctionUrlConfig."""
        if self._id(name) in self._urls:
            raise ServiceError(
                "ResourceConflictException",
                409,
                f"FunctionUrlConfig exists for this Lambda function: {self._arn(name)}",
                members={"Type": "User"},
            )
        return self._told(self._set(name, _changed(UrlSettings(), given), created=now, modified=now))

    def read(self, name: str, _: Mapping[str, Any], __: str) -> dict[str, Any]:
        """GetFunctionUrlConfig."""
        return self._told(self._existing(name))

    def update(self, name: str, given: Mapping[str, Any], now: str) -> dict[str, Any]:
        """UpdateFunctionUrlConfig: what is not given stays."""
        before = self._existing(name)
        return self._told(
            self._set(name, _changed(before.settings, given), created=before.created, modified=now)
        )

    def delete(self, name: str, _: Mapping[str, Any], __: str) -> dict[str, Any]:
        """DeleteFunctionUrlConfig."""
        del self._urls[self._existing(name).id]
        return {}

    def list(self, name: str, _: Mapping[str, Any], __: str) -> dict[str, Any]:
        """ListFunctionUrlConfigs: there is one version, hence one at most."""
        found = self._urls.get(self._id(name))
        return {"FunctionUrlConfigs": [self._told(found)] if found else []}

    def _set(self, name: str, settings: UrlSettings, *, created: str, modified: str) -> Url:
        made = Url(self._id(name), name, settings, created, modified)
        self._urls[made.id] = made
        return made

    def _existing(self, name: str) -> Url:
        found = self._urls.get(self._id(name))
        if found is None:
            raise not_found("The resource you requested does not exist.")
        return found

    def _id(self, name: str) -> str:
        return url_id(self._settings.region, self._settings.account, name)

    def _arn(self, name: str) -> str:
        return lambda_arn(self._settings.region, self._settings.account, name)

    def _told(self, url: Url) -> dict[str, Any]:
        told: dict[str, Any] = {
            "FunctionUrl": url_of(self._settings.endpoint, url.id),
            "FunctionArn": self._arn(url.function),
            "AuthType": "AWS_IAM" if url.settings.auth == "iam" else "NONE",
            "CreationTime": url.created,
            "LastModifiedTime": url.modified,
            "InvokeMode": "RESPONSE_STREAM" if url.settings.stream else "BUFFERED",
        }
        cors = url.settings.cors
        if cors is not None:
            told["Cors"] = {
                "AllowCredentials": cors.allow_credentials,
                "AllowHeaders": list(cors.allow_headers),
                "AllowMethods": list(cors.allow_methods),
                "AllowOrigins": list(cors.allow_origins),
                "ExposeHeaders": list(cors.expose_headers),
                "MaxAge": cors.max_age,
            }
        return told


_OPERATIONS = {
    "CreateFunctionUrlConfig": Urls.create,
    "GetFunctionUrlConfig": Urls.read,
    "UpdateFunctionUrlConfig": Urls.update,
    "DeleteFunctionUrlConfig": Urls.delete,
    "ListFunctionUrlConfigs": Urls.list,
}


def _changed(before: UrlSettings, given: Mapping[str, Any]) -> UrlSettings:
    after = before
    if "AuthType" in given:
        after = replace(after, auth="iam" if given["AuthType"] == "AWS_IAM" else "none")
    if "InvokeMode" in given:
        after = replace(after, stream=given["InvokeMode"] == "RESPONSE_STREAM")
    if "Cors" in given:
        told = given["Cors"]
        cors = Cors(
            allow_origins=tuple(told.get("AllowOrigins", ())),
            allow_methods=tuple(told.get("AllowMethods", ())),
            allow_headers=tuple(told.get("AllowHeaders", ())),
            expose_headers=tuple(told.get("ExposeHeaders", ())),
            allow_credentials=bool(told.get("AllowCredentials")),
            max_age=int(told.get("MaxAge", 0)),
        )
        if cors.problem():
            raise names.invalid(f"Cors: {cors.problem()}.")
        after = replace(after, cors=cors)
    return after
