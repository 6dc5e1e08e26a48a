"""What an answer took: tokens and time, as RUN_FINISHED and the stored messages carry it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TOKENS = ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens")


def usage(model_id: str, tokens: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Usage from Strands' own counts; the cost is null because no price is known here."""
    return {
        "model": model_id,
        **{name: int(tokens.get(name) or 0) for name in _TOKENS},
        "latencyMs": int(metrics.get("latencyMs") or 0),
        "cost": None,
    }
