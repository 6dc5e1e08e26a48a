"""`skerry proxy`: what the flags mean, and the proxy put together."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError
from skerry.proxy import context, proofs, stdio, upstream
from skerry.proxy.eras import EitherEra
from skerry.proxy.front import Front, FrontLimits
from skerry.proxy.policy import Guarded, Policy
from skerry.proxy.prepared import Prepared
from skerry.relay.http import Pool, Url, basic, tls_with
from skerry.relay.http.endpoint import Endpoint, Limits
from skerry.relay.http.legacy_server import LegacyHttp
from skerry.relay.http.modern_server import ModernHttp
from skerry.relay.ports import Server
from skerry.settings import ProxySettings, SignInSettings, add_sign_in
from skerry.wire import session
from skerry.wire.jsonrpc import MAX_BODY

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_MODES = ("session", "identity", "request")
_BY_HAND = (
    "skerry proxy: relaying to {url}; waiting for MCP messages on standard input.\n"
    "An MCP host starts this by itself: skerry proxy … --print-config HOST shows how. Ctrl-C ends it.\n"
)
_GRACE = 60.0
_GOODBYE = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `skerry proxy`; what an option leaves out comes from the environment."""
    settings = ProxySettings.from_env(os.environ)
    parser.set_defaults(settings=settings)
    parser.add_argument(
        "target",
        nargs="?",
        default=settings.target,
        help="ARN of a runtime or gateway, URL of an MCP server, or a name of the running stack "
        "(env AGENTCORE_AGENT_ARN, AGENT_ARN)",
    )
    where = parser.add_argument_group("where")
    where.add_argument("--qualifier", default="DEFAULT", help="endpoint or version of a runtime (DEFAULT)")
    where.add_argument(
        "--endpoint-url",
        default=settings.endpoint_url,
        metavar="URL",
        help="a local stack instead of AWS (env AWS_ENDPOINT_URL_BEDROCK_AGENTCORE, AWS_ENDPOINT_URL)",
    )
    where.add_argument(
        "--region", default=settings.region, help="region to sign for; that of an ARN wins (env AWS_REGION)"
    )
    where.add_argument(
        "--state", type=Path, default=settings.state, metavar="DIR", help="state directory of the stack"
    )
    _add_credentials(parser, settings)
    _add_session(parser, settings)
    _add_limits(parser)
    _add_host(parser)
    parser.add_argument(
        "--log-level",
        default=settings.log_level,
        metavar="LEVEL",
        help="log on standard error: DEBUG to CRITICAL (env LOG_LEVEL; MCP_PROXY_DEBUG=1 means DEBUG)",
    )


def _add_credentials(parser: argparse.ArgumentParser, settings: ProxySettings) -> None:
    group = parser.add_argument_group("who asks")
    group.add_argument(
        "--auth",
        choices=("auto", "sigv4", "bearer", "browser", "none"),
        default="auto",
        help="auto begins with what is given and reads the server's refusal (auto)",
    )
    group.add_argument("--profile", default="", help="AWS profile (env AWS_PROFILE)")
    group.add_argument(
        "--role-arn",
        default=settings.role_arn,
        metavar="ARN",
        help="role to assume first (env AGENTCORE_ASSUME_ROLE_ARN)",
    )
    group.add_argument(
        "--role-session-name",
        default=settings.role_session_name,
        metavar="NAME",
        help="its session name (env AGENTCORE_ASSUME_ROLE_SESSION_NAME)",
    )
    group.add_argument(
        "--token-command", default="", metavar="CMD", help="command that prints a bearer token"
    )
    group.add_argument("--token-file", default="", metavar="FILE", help="file that holds a bearer token")
    group.add_argument(
        "--token-endpoint",
        default="",
        metavar="URL",
        help="where --client-id gets tokens (default: looked up)",
    )
    group.add_argument("--discovery-url", default="", metavar="URL", help="or the metadata that names it")
    group.add_argument(
        "--login", action="store_true", help="may open a browser to sign you in (default: skerry login does)"
    )
    add_sign_in(group)


def _add_session(parser: argparse.ArgumentParser, settings: ProxySettings) -> None:
    group = parser.add_argument_group("session and context")
    group.add_argument(
        "--session-mode",
        default=settings.session_mode,
        metavar="MODE",
        help="session: one runtime session per proxy; identity: one per AWS identity; request: a new one "
        "each time (session; env RUNTIME_SESSION_MODE)",
    )
    group.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what X-Client-* headers say: agent, region, or a preference; may be repeated",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("limits and switches")
    group.add_argument(
        "--read-timeout", type=_seconds, default=900.0, metavar="S", help="longest silence of a call (900)"
    )
    group.add_argument(
        "--connect-timeout",
        type=_seconds,
        default=10.0,
        metavar="S",
        help="longest wait for a connection (10)",
    )
    group.add_argument(
        "--call-timeout", type=_seconds, default=3600.0, metavar="S", help="longest call altogether (3600)"
    )
    group.add_argument(
        "--max-message", type=_bytes, default=MAX_BODY, metavar="BYTES", help="largest message (100000000)"
    )
    group.add_argument("--read-only", action="store_true", help="only tools marked as reading")
    group.add_argument(
        "--allow", action="append", default=[], metavar="PATTERN", help="only these tools; may be repeated"
    )
    group.add_argument(
        "--deny", action="append", default=[], metavar="PATTERN", help="not these tools; may be repeated"
    )


def _add_host(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("set up a host")
    group.add_argument(
        "--print-config", metavar="HOST", help="print the block for vscode, claude-desktop, cursor, …"
    )
    group.add_argument("--write", action="store_true", help="put it into the host's file, keeping a backup")
    group.add_argument("--name", default="", help="what the host calls the server")


def run(options: argparse.Namespace) -> int:
    """Runs the proxy until its standard input ends or a signal comes. Raises SkerryError before that."""
    settings: ProxySettings = options.settings
    if options.print_config:
        from skerry.proxy import configuration

        return configuration.run(options)
    _check(options)
    logging.basicConfig(
        stream=sys.stderr, level=options.log_level.upper(), format="skerry proxy: %(levelname)s %(message)s"
    )
    logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)  # it logs tracebacks; we explain
    target = upstream.resolve(
        options.target,
        qualifier=options.qualifier,
        endpoint_url=options.endpoint_url,
        region=options.region,
        state=options.state,
    )
    if sys.stdin.isatty():
        sys.stderr.write(_BY_HAND.format(url=target.url))
    logging.getLogger(__name__).info("relaying to %s", upstream.shown(target))
    return asyncio.run(_Proxy(options, settings, target).run())


def _check(options: argparse.Namespace) -> None:
    if options.session_mode not in _MODES:
        raise ConfigurationError(
            f"--session-mode is '{options.session_mode}'.", hint=f"It is one of {', '.join(_MODES)}."
        )
    if options.log_level.upper() not in _LEVELS:
        raise ConfigurationError(
            f"--log-level is '{options.log_level}'.", hint=f"It is one of {', '.join(_LEVELS)}."
        )
    if options.write:
        raise ConfigurationError("--write needs --print-config HOST.")


@dataclass(slots=True)
class _Proxy:
    """One run: the only place that knows all of the proxy's modules."""

    options: argparse.Namespace
    settings: ProxySettings
    target: upstream.Target

    async def run(self) -> int:
        options = self.options
        pool = Pool(
            connect=options.connect_timeout, **_network(self.settings.environment, Url.parse(self.target.url))
        )
        flags = proofs.wanted(options)
        keys = proofs.keys(flags, self.target, self.settings.environment)
        sign_in = SignInSettings.of(options, self.settings.environment, person=options.auth == "browser")
        proof = proofs.build(
            flags,
            self.target,
            keys,
            proofs.person(self.target, flags, sign_in),
            signed_in=flags.auth == "auto" and proofs.is_signed_in(self.target, sign_in),
        )
        mode = options.session_mode
        told = context.Context(
            session.new() if mode == "session" else None,
            context.given(options.context),
            region=self.target.region,
            runtime=self.target.kind == "runtime",
        )
        endpoint = Endpoint(
            pool,
            self.target.url,
            proof,
            headers=told.headers,
            limits=Limits(
                silence=options.read_timeout, call=options.call_timeout, message=options.max_message
            ),
            explain=proofs.explain(proof),
        )
        server = self._server(endpoint)
        if mode == "identity":

            async def identified() -> None:
                told.belong(await proofs.identity(keys, self.target, self.settings.environment, pool))

            server = Prepared(server, identified)
        reading, writing = stdio.claim()
        writer = await stdio.writer(writing)
        limits = FrontLimits(call=options.call_timeout, message=options.max_message)
        front = Front(server, writer, limits, greeted=told.greeted)
        try:
            await stdio.read(reading, front.feed, front.end)
            await self._serve(front, writer)
        finally:
            await _within(_GOODBYE, server.close())
            await pool.close()
            await _within(_GOODBYE, writer.close())
        return 0

    def _server(self, endpoint: Endpoint) -> Server:
        stream = self.target.kind != "runtime"

        def as_legacy(server: Server) -> Server:
            from skerry.relay.faces.legacy_face import LegacyFace  # late: most pairs are of one era

            return LegacyFace(server)

        def as_modern(open_legacy: Callable[[], Server]) -> Server:
            from skerry.relay.faces.modern_face import ModernFace

            async def opened() -> Server:
                return open_legacy()

            return ModernFace(opened)

        server: Server = EitherEra(
            legacy=lambda: LegacyHttp(endpoint, stream=stream),
            modern=lambda: ModernHttp(endpoint),
            as_legacy=as_legacy,
            as_modern=as_modern,
        )
        policy = Policy(
            read_only=self.options.read_only, allow=tuple(self.options.allow), deny=tuple(self.options.deny)
        )
        return Guarded(server, policy) if policy else server

    async def _serve(self, front: Front, writer: stdio.Writer) -> None:
        """Until the host closes its side or goes away, or a signal asks to end."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stopped.set)
        await _first(front.ended.wait(), stopped.wait(), writer.broken.wait())
        if front.ended.is_set() and not stopped.is_set() and not writer.broken.is_set():
            await _first(
                _within(_GRACE, front.finish()), stopped.wait(), writer.broken.wait()
            )  # what is in flight is still answered
        await _within(_GOODBYE, front.abandon())


async def _first(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _within(seconds: float, work: Any) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        logging.getLogger(__name__).warning("something did not end within %g s", seconds)


def _network(environment: Mapping[str, str], url: Url) -> dict[str, Any]:
    """The arguments of the pool that come from the environment: HTTP proxy and certificates."""
    found: dict[str, Any] = {}
    bundle = environment.get("AWS_CA_BUNDLE", "")
    if bundle:
        found["tls"] = tls_with(bundle)
    known = upstream.proxies(environment)
    address = known.get(url.scheme) or known.get("all")
    if address and not upstream.bypassed(url.host, known.get("no", "")):
        account, at, rest = address.rpartition("@")
        scheme, sign, user = account.partition("://")
        place = Url.parse((scheme + sign + rest) if at else address)
        if at:
            name, _, password = user.partition(":")
            found["proxy_authorization"] = basic(name, password)
        found["proxy"] = lambda _: place
    return found


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError("must be seconds above 0")
    return value


def _bytes(text: str) -> int:
    value = int(text)
    if value < 1024:
        raise argparse.ArgumentTypeError("must be at least 1024 bytes")
    return value
