"""What the endpoint asks the embedded cloud for itself, besides the requests that it passes on."""

SECRET_HEADER = "X-Skerry-Secret"  # noqa: S105  (a header name, not a secret)
OWN_HEADER = "X-Skerry-Own"
"""With the secret: a question of the endpoint itself. A path alone does not tell: it has many spellings."""
KEYS_PATH = "/_skerry/keys/"
PRINCIPALS_PATH = "/_skerry/principals/"
STACKS_PATH = "/_skerry/stacks/"
POLICIES_PATH = "/_skerry/policies/"
OBSERVED_PATH = "/_skerry/observed/"
FUNCTIONS_PATH = "/_skerry/functions/"
WORKS_PATH = "/_skerry/works/"
"""Answers when a work on a stack is over."""
