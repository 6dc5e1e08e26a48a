"""Guardrails answered from declared rules: words, patterns, topics by their words, simple logic."""
