"""What browsers see of a consent: two redirects, and a page where it does not go on.

No address has a secret or a name in it, no page says where the browser came from, and none may be kept or
framed (RFC 9700 §4.2, §4.16).
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from skerry.local.api.rest_json import Reply
from skerry.local.identity.federation import ConsentError, Federation
from skerry.local.ports.asgi import Scope
from skerry.web_page import document, few_words, guards

CALLBACK = "/identities/oauth2/callback/"
AUTHORIZE = "/identities/oauth2/authorize"
OPERATIONS = {AUTHORIZE: "OpenAuthorizationUrl", CALLBACK: "ReturnFromProvider"}
"""What hops call them; AWS has no names for them."""
MAX_QUERY = 16_384
_HEADERS = [(name.encode("ascii"), value.encode("ascii")) for name, value in guards().items()]


def operation(path: str) -> str:
    """The name for hops of what a browser asks for; "" for a path that no browser is sent to."""
    return next((name for prefix, name in OPERATIONS.items() if path.startswith(prefix)), "")


class Pages:
    """Answers browsers."""

    def __init__(self, federation: Federation, life: float) -> None:
        self._federation = federation
        self._life = int(life)

    async def answer(self, scope: Scope) -> Reply:
        """The answer to a GET of one of both paths."""
        path, query = scope["raw_path"].decode("latin-1").rstrip("/"), bytes(scope["query_string"])
        if scope["method"] != "GET":
            return _page(405, "This address is for browsers.", "Open it in one.")
        try:
            if len(query) > MAX_QUERY:
                raise ConsentError("The address is too long.")
            if path == AUTHORIZE:
                return await self._authorize(query)
            return await self._callback(path.removeprefix(CALLBACK), query, scope)
        except ConsentError as problem:
            return _page(400, problem.message, problem.hint)

    async def _authorize(self, query: bytes) -> Reply:
        try:
            given = parse_qs(query.decode("ascii"), max_num_fields=10).get("request_uri", [])
        except ValueError:
            given = []
        opened = await self._federation.open(given[0] if len(given) == 1 else "")
        cookie = (
            f"{opened.cookie}={opened.value}; Path={CALLBACK.rstrip('/')}; Max-Age={self._life};"
            " HttpOnly; SameSite=Lax"
        )
        return _redirect(opened.location, [(b"set-cookie", cookie.encode("ascii"))])

    async def _callback(self, provider: str, query: bytes, scope: Scope) -> Reply:
        return _redirect(await self._federation.returned(provider, query, _cookies(scope)))


def _cookies(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name.lower() == b"cookie":
            try:
                parsed = SimpleCookie(value.decode("latin-1"))
            except CookieError:
                continue
            found |= {key: morsel.value for key, morsel in parsed.items()}
    return found


def _redirect(location: str, more: list[tuple[bytes, bytes]] | None = None) -> Reply:
    return Reply(302, [*_HEADERS, (b"location", location.encode("ascii")), *(more or [])], b"")


def _page(status: int, message: str, hint: str) -> Reply:
    text = document("Consent", few_words(message, hint))
    return Reply(status, [*_HEADERS, (b"content-type", b"text/html; charset=utf-8")], text.encode())
