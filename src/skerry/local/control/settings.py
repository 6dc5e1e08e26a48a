"""Settings of the control plane."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """How long a change of status takes at least, in seconds: `transition`.

    With 0 a status in between is over when the work behind it is. AWS takes seconds to minutes; a larger
    value here shows a program that does not wait.
    """

    transition: float = 0.0
