"""Lambda on one machine: Invoke and Function URLs for declared Python functions."""

from skerry.local.functions.plane import FunctionsPlane
from skerry.local.functions.settings import Cors, FunctionSettings, FunctionsSettings, UrlSettings

__all__ = ["Cors", "FunctionSettings", "FunctionsPlane", "FunctionsSettings", "UrlSettings"]
