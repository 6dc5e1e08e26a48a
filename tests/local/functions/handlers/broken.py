"""A module that cannot be loaded."""

print("about to fail")
raise RuntimeError("no configuration")


def handler(event, context):
    return None
