"""IAM policies: read once, asked often. Pure: no clock, no network, no state.

    documents    a policy's JSON as statements
    patterns     wildcards and policy variables
    conditions   the operators of a Condition
    principals   who asks, and whom a Principal names
    decisions    what all policies together say, and which statement decided
    least        the smallest policy for what was done

Source: IAM user guide, JSON policy element reference and policy evaluation logic. Policies of organisations
(SCPs, RCPs) and of VPC endpoints are not evaluated: a stack has neither.
"""

from skerry.auth.iam.decisions import Decision, Policies, Request, decide, refusal
from skerry.auth.iam.documents import Policy, PolicyError, Statement, parse, read
from skerry.auth.iam.principals import Principal

__all__ = [
    "Decision",
    "Policies",
    "Policy",
    "PolicyError",
    "Principal",
    "Request",
    "Statement",
    "decide",
    "parse",
    "read",
    "refusal",
]
