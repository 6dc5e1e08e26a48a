"""Rate limits of a gateway: who may send how much, by the dimensions of a request.

`dimensions` finds the values of a request, `entries` the rate that is meant, `windows` counts, `enforcement`
decides. Source: AWS developer guide, `gateway-rate-limits` and its pages; the sizes are the service model's.
"""

from skerry.local.gateway.limits.dimensions import Subject as Subject
from skerry.local.gateway.limits.dimensions import mcp_subject as mcp_subject
from skerry.local.gateway.limits.enforcement import Limits as Limits
from skerry.local.gateway.limits.enforcement import ThrottledError as ThrottledError
