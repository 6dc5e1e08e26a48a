"""Schemas of targets: from a document to tools and, for REST, to the HTTP request of a call.

Everything but `source` is pure: text and arguments in, values or SchemaError out.
"""
