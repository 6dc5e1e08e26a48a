"""The OpenAPI page: the endpoints of this service on one page that loads nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5 }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
h2 { font-size: 1rem; margin: 1.5rem 0 .25rem } code, pre { font-family: ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700 }
"""


def page(schema: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document."""
    title = escape(schema["info"]["title"])
    operations = [
        _operation(method.upper(), path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    shapes = [
        _details(name, shape) for name, shape in schema.get("components", {}).get("schemas", {}).items()
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f'<p>{escape(schema["info"].get("description", ""))} <a href="openapi.json">openapi.json</a></p>'
        f"{''.join(operations)}<h1>Bodies</h1>{''.join(shapes)}</body></html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    about = escape(operation.get("description") or operation.get("summary", ""))
    shown = {
        name: operation[name] for name in ("parameters", "requestBody", "responses") if name in operation
    }
    head = f'<h2><span class="method">{escape(method)}</span> <code>{escape(path)}</code></h2>'
    return f"{head}<p>{about}</p>{_details('details', shown)}"


def _details(name: str, content: Any) -> str:
    text = escape(json.dumps(content, indent=2))
    return f"<details><summary>{escape(name)}</summary><pre>{text}</pre></details>"
