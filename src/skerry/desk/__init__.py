"""The operations desk: the bundled `skerry.toml` and the small programs that it names.

It is the same kind of file and the same kind of programs that a team writes for itself.
"""
