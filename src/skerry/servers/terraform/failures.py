"""What goes wrong at Terraform, as one line that says what to do; the token is never part of it."""

from __future__ import annotations

import json

from pydantic import ValidationError

from skerry.errors import RemoteError
from skerry.servers.terraform.arguments import one_line
from skerry.servers.terraform.library import errors

MAX_DETAIL = 400
_STRANGE = (ValidationError, json.JSONDecodeError, KeyError, AttributeError, TypeError)
HOW_TO_GIVE_ONE = (
    "Store a valid token for this session (PUT /session/terraform-token) "
    "or have the operator set TFE_TOKEN; never put one into a conversation."
)


class TerraformError(RemoteError):
    """Terraform refused, or does not answer. `status` is its HTTP status, 0 without an answer."""

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


def told(error: Exception, *, token: str, writes: bool = False) -> TerraformError:
    """An error of pytfe as people read it. `writes`: whether something may have been changed."""
    status = getattr(error, "status", None) or 0
    detail = _detail(error, token)
    if isinstance(error, errors.AuthError) and status == 401:
        return TerraformError("Terraform does not accept the token.", status=401, hint=HOW_TO_GIVE_ONE)
    if isinstance(error, errors.AuthError):
        return TerraformError(
            f"The Terraform token may not do this ({detail}).", status=status, hint="Ask for the permission."
        )
    if isinstance(error, errors.NotFound):
        return TerraformError(
            "Terraform says not found.", status=404, hint="Check the name, and whether the token may see it."
        )
    if isinstance(error, errors.RateLimited):
        wait = f"{error.retry_after:g} seconds" if error.retry_after else "a few seconds"
        return TerraformError("Terraform takes no more calls for now.", status=429, hint=f"Wait {wait}.")
    if status == 409:
        return TerraformError(f"Terraform refused: {detail}.", status=409, hint="Look at its state again.")
    if status == 422:
        return TerraformError(f"Terraform does not accept this: {detail}.", status=422)
    if isinstance(error, errors.ServerError):
        text = f"Terraform failed ({status})." if status else "Terraform does not answer."
        return TerraformError(text, status=status, hint=_after(writes))
    if isinstance(error, errors.TFEError) and status:
        return TerraformError(f"Terraform answered {status}: {detail}.", status=status)
    if isinstance(error, _STRANGE):
        text = "Terraform answered in a shape that this server does not know."
        return TerraformError(text, hint=_after(writes))
    return TerraformError(f"Terraform's client does not accept this: {detail}.")


def timed_out(seconds: float, *, writes: bool) -> TerraformError:
    """No answer within the time of a call."""
    return TerraformError(f"Terraform gave no answer within {seconds:g} seconds.", hint=_after(writes))


def _after(writes: bool) -> str:
    if writes:
        return "Whether it was done is not known: read it again before you repeat anything."
    return "Try again later, or check TFE_ADDRESS."


def _detail(error: Exception, token: str) -> str:
    """What Terraform says of the error: its detail or title, on one line, without the token."""
    text = str(error)
    for item in error.errors if isinstance(error, errors.TFEError) else []:
        if isinstance(item, dict):
            source = item.get("source") if isinstance(item.get("source"), dict) else {}
            pointer = str((source or {}).get("pointer", "")).rpartition("/")[2]
            said = str(item.get("detail") or item.get("title") or "")
            text = f"{pointer}: {said}" if pointer and said else said or text
            break
        if isinstance(item, str):
            text = item
            break
    if token:
        text = text.replace(token, "…").replace(json.dumps(token)[1:-1], "…")
    return one_line(text).rstrip(".")[:MAX_DETAIL] or type(error).__name__
