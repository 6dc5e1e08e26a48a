"""Lambda on one machine: Invoke for declared Python functions."""

from skerry.local.functions.plane import FunctionsPlane
from skerry.local.functions.settings import FunctionSettings, FunctionsSettings

__all__ = ["FunctionSettings", "FunctionsPlane", "FunctionsSettings"]
