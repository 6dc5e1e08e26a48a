"""Header names that may not be let pass to a program or target, as AWS's guides and SDK list them."""

from __future__ import annotations

_BOTH = """
Proxy-Authorization WWW-Authenticate Accept Accept-Charset Accept-Encoding Accept-Language Content-Type
Content-Length Content-Encoding Content-Language Content-Location Content-Range Cache-Control ETag Expires If-Match
If-Modified-Since If-None-Match If-Range If-Unmodified-Since Last-Modified Pragma Vary Connection Keep-Alive
Proxy-Connection Upgrade Host User-Agent Referer From Range Accept-Ranges Transfer-Encoding TE Trailer Server Date
Location Retry-After Set-Cookie Cookie Content-Security-Policy Content-Security-Policy-Report-Only
Strict-Transport-Security X-Content-Type-Options X-Frame-Options X-XSS-Protection Referrer-Policy Permissions-Policy
Cross-Origin-Embedder-Policy Cross-Origin-Opener-Policy Cross-Origin-Resource-Policy Access-Control-Allow-Origin
Access-Control-Allow-Methods Access-Control-Allow-Headers Access-Control-Allow-Credentials
Access-Control-Expose-Headers Access-Control-Max-Age Access-Control-Request-Method Access-Control-Request-Headers
Origin Accept-CH Accept-CH-Lifetime DPR Width Viewport-Width Downlink ECT RTT Save-Data Clear-Site-Data
Feature-Policy Expect-CT Public-Key-Pins Public-Key-Pins-Report-Only X-Forwarded-For X-Forwarded-Host
X-Forwarded-Proto X-Real-IP X-Requested-With X-CSRF-Token CF-Ray CF-Connecting-IP X-Amz-Cf-Id X-Cache X-Served-By
Link Sec-WebSocket-Key Sec-WebSocket-Accept Sec-WebSocket-Version Sec-WebSocket-Protocol Sec-WebSocket-Extensions
"""
_RUNTIME = """
Via Forwarded True-Client-IP X-Client-IP X-Cluster-Client-IP X-Originating-IP X-Source-IP X-Original-URL
X-Original-Host X-Rewrite-URL
"""
RESTRICTED = _BOTH.split()
"""Neither a runtime nor a target of a gateway may let them pass."""
RUNTIME_RESTRICTED = _RUNTIME.split()
"""A runtime may not let them pass either."""
