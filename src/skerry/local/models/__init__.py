"""bedrock-runtime on one machine: Converse and ConverseStream."""

from skerry.local.models.plane import ModelsPlane

__all__ = ["ModelsPlane"]
