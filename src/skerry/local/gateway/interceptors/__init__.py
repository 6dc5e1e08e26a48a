"""Lambda functions that see every request of a gateway before its target does, and every answer after.

`payloads` knows what is said to them and what they say, `calls` invokes them; `chain` applies it to MCP
requests and `http` to those for HTTP targets. Source: AWS developer guide, "Using interceptors with Gateway"
and its pages.
"""

from skerry.local.gateway.interceptors.calls import Calls as Calls
from skerry.local.gateway.interceptors.chain import Interceptors as Interceptors
