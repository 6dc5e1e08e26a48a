"""Terraform: an MCP server for HCP Terraform (`server`), and a local stand-in of its API (`standin`).

The two meet only on the wire. Whatever a tool does is done with the Terraform token of the caller's
session, or with the deployment's own; no token passes through a model.
"""
