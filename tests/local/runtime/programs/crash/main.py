"""A program whose requirements are not installed."""

print("about to import")
import a_package_that_nobody_has  # noqa: F401
