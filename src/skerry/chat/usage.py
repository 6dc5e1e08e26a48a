"""What an answer took, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.wire.shown import clean

_COUNTS = (
    ("inputTokens", "in"),
    ("outputTokens", "out"),
    ("cacheReadInputTokens", "from cache"),
    ("cacheWriteInputTokens", "to cache"),
)
_SIGNS = {"USD": "$", "EUR": "€"}


def usage_line(usage: Mapping[str, Any], seconds: float) -> str:
    """Tokens, cost where it is known, seconds and model; empty when the agent said nothing of it."""
    counts = [(usage.get(name), word) for name, word in _COUNTS]
    parts = [f"{count:,} {word}" for count, word in counts if isinstance(count, int) and count > 0]
    cost = usage.get("cost")
    if isinstance(cost, Mapping) and isinstance(amount := cost.get("amount"), int | float):
        currency = clean(str(cost.get("currency", "")))
        sign = _SIGNS.get(currency)
        figure = f"{amount:.4f}" if amount < 1 else f"{amount:.2f}"
        parts.append(f"{sign}{figure}" if sign else f"{figure} {currency}".strip())
    if not parts:
        return ""
    model = clean(str(usage.get("model") or ""))
    return " · ".join([*parts, f"{seconds:.1f} s", *([model] if model else [])])
