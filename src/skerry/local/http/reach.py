"""Which way to the authorization server of a credential provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.auth.http.outside import Http
from skerry.local.ports.secrets import Authorities


class Reach:
    """HTTP towards authorization servers, by what the configuration of a provider says of its own.

    `public` is for those that anybody may name, `private` for those with a privateEndpoint, and `authorities`
    for those that have a certificate of a private one besides.
    """

    def __init__(self, public: Http, private: Http, authorities: Authorities) -> None:
        self._public = public
        self._private = private
        self._authorities = authorities

    def http(self, configuration: Mapping[str, Any]) -> Http:
        """What a provider's server is reached by; always the same for the same configuration."""
        if not (configuration.get("privateEndpoint") or configuration.get("privateEndpointOverrides")):
            return self._public
        certificates = configuration.get("certificateConfigurations")
        return self._authorities.http(certificates) if certificates else self._private
