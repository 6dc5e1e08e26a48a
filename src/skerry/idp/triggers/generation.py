"""One issuance through the trigger: asked, answered, applied; or refused, when the function does not work."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from skerry.idp.issuance import Issuance
from skerry.idp.oauth_errors import OAuthError
from skerry.idp.triggers import event, response
from skerry.idp.triggers.declared import Trigger
from skerry.idp.triggers.invoke import TriggerError, invoke
from skerry.idp.triggers.response import Tokens

_log = logging.getLogger("skerry.idp")


class TriggerFailedError(OAuthError):
    """No token is made because the trigger does not work; `note` is for the author of the function.

    Unchecked: the service's code at the token endpoint. The sentence begins as the service's does.
    """

    def __init__(self, kind: str, note: str) -> None:
        super().__init__("invalid_request", f"PreTokenGeneration failed with error {kind}.")
        self.note = note


async def run(trigger: Trigger, issuance: Issuance, tokens: Tokens, *, region: str) -> None:
    """Lets the function of `trigger` change `tokens`. Raises TriggerFailedError.

    A version that does not see such an issuance is not called. What the function wants and cannot have is
    noted in `tokens` and logged.
    """
    if not event.is_called(trigger.version, issuance):
        return
    told = event.make(issuance, version=trigger.version, pool=tokens.pool, region=region)
    try:
        if trigger.cloud is None:
            raise TriggerError("unreachable", "nothing says where functions are called")
        answer = await invoke(trigger.cloud, trigger.function, told, seconds=trigger.timeout)
        response.apply(answer, tokens, trigger)
    except TriggerError as error:
        note = f"{error.message}.{_advice(error, told)}"
        _log.warning("skerry idp: the trigger %s failed, so no token is made: %s", trigger.function, note)
        raise TriggerFailedError(error.kind, note) from error
    for note in tokens.notes:
        _log.warning("skerry idp: the trigger %s: %s", trigger.function, note)


def _advice(error: TriggerError, told: Mapping[str, Any]) -> str:
    """The likely mistake behind a KeyError: a member that is at another level of the event."""
    kind, _, said = error.message.partition(": ")
    name = said.strip("'\"")
    if kind != "KeyError" or name in told["request"]:
        return ""
    places = {"event": told, "event['callerContext']": told["callerContext"]}
    place = next((place for place, members in places.items() if name in members), "")
    if place:
        return f" It is {place}['{name}'], not a member of event['request']."
    return f" There is no '{name}' in a {told['triggerSource']} event of version {told['version']}."
