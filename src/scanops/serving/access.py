"""Who may ask, and how often: ASGI middleware before any route."""

from __future__ import annotations

import math

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from scanops.serving import rates
from scanops.serving.problems import ProblemError, respond
from scanops.serving.rates import Buckets
from scanops.serving.tokens import Tokens

# Everything that is not named here needs a token, once there are tokens: a new route is closed until opened.
OPEN = frozenset(
    {"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/version", "/v2/health/live", "/v2/health/ready"}
)
OPEN_UNDER = "/web/"
# Where the middleware leaves the name of the token's owner, for the log.
OWNER = "scanops.owner"


class Access:
    """Refuses requests without a token, and clients that ask too often; the page and the probes stay open.

    A client is the owner of its token, else its address. A wrong token is paid from its address' bucket.

    Args:
        app: The application.
        tokens: Those that are let in; None lets in everybody.
        buckets: What each client may still ask.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens | None, buckets: Buckets) -> None:
        self.app = app
        self._tokens = tokens
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see the ASGI specification."""
        refused = None
        if scope["type"] == "http" and not is_open(scope["path"]):
            refused = self._refuse(scope)
        await (respond(refused) if refused else self.app)(scope, receive, send)

    def _refuse(self, scope: Scope) -> ProblemError | None:
        sent = Headers(scope=scope).get("authorization")
        owner = self._tokens.owner(_bearer(sent)) if self._tokens and sent else None
        scope[OWNER] = owner
        if self._buckets.bounded and (wait_s := self._buckets.take(_client(scope, owner))):
            headers = {"retry-after": str(math.ceil(wait_s))}
            return ProblemError(429, "Too many requests; wait as long as Retry-After says.", headers)
        if self._tokens is None or owner:
            return None
        # RFC 6750 section 3: no error code where no token was sent.
        challenge = 'Bearer realm="scanops"' + (', error="invalid_token"' if sent else "")
        fault = "This token is not valid." if sent else "This address needs a token."
        detail = f"{fault} Send one as `Authorization: Bearer …`."
        return ProblemError(401, detail, {"www-authenticate": challenge})


def is_open(path: str) -> bool:
    """Tell whether an address is answered without a token.

    Args:
        path: As it was sent, percent-decoded.
    """
    return path in OPEN or path.startswith(OPEN_UNDER)


def _client(scope: Scope, owner: str | None) -> str:
    """Name who asks."""
    if owner:
        return f"token {owner}"
    client = scope.get("client")
    return rates.by_address(client and client[0])


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
