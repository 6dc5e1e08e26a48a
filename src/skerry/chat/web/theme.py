"""Colours of the page, light and dark; which one is shown follows the browser, and its menu changes it.

Text has a contrast of at least 7 to 1 against its ground, buttons and links of at least 4.5 to 1.
"""

from __future__ import annotations

from typing import Any

_LIGHT = {
    "primaryColor": "#0f6b63",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f2f5f4",
    "textColor": "#17211f",
    "linkColor": "#0b5d8a",
    "borderColor": "#d5dcda",
    "codeBackgroundColor": "#f2f5f4",
    "codeTextColor": "#17211f",
}
_DARK = {
    "primaryColor": "#12867c",
    "backgroundColor": "#101615",
    "secondaryBackgroundColor": "#1a2322",
    "textColor": "#e8eeec",
    "linkColor": "#7cc7f0",
    "borderColor": "#33403e",
    "codeBackgroundColor": "#161e1d",
    "codeTextColor": "#e8eeec",
}
_SHARED = {
    "baseRadius": "0.6rem",
    "buttonRadius": "0.6rem",
    "baseFontSize": 16,
    "codeFontSize": "0.82rem",
    "showWidgetBorder": True,
    "showSidebarBorder": True,
}

THEME: dict[str, Any] = {
    **{f"theme.{name}": value for name, value in _SHARED.items()},
    **{f"theme.light.{name}": value for name, value in _LIGHT.items()},
    **{f"theme.dark.{name}": value for name, value in _DARK.items()},
    "theme.light.sidebar.backgroundColor": "#f7f9f8",
    "theme.light.sidebar.secondaryBackgroundColor": "#ffffff",
    "theme.dark.sidebar.backgroundColor": "#0c1211",
    "theme.dark.sidebar.secondaryBackgroundColor": "#1a2322",
}
