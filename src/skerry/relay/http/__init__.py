"""HTTP/1.1 for the hot paths: connections that are kept, bodies as they arrive."""

from skerry.relay.http.pool import Pool
from skerry.relay.http.reply import HttpError, Pair, Reply
from skerry.relay.http.tls import basic, tls_with
from skerry.relay.http.url import Url

__all__ = ["HttpError", "Pair", "Pool", "Reply", "Url", "basic", "tls_with"]
