"""Start the service: `python -m scanops.serving --bundle data/bundle`.

Every option has an environment variable: SCANOPS_BUNDLE, SCANOPS_HOST, SCANOPS_PORT, and those named below.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

import uvicorn

from scanops.errors import ConfigError, ScanopsError
from scanops.serving import logs, options, patience
from scanops.serving.app import create_app
from scanops.serving.limits import Limits
from scanops.serving.listening import listen


def main() -> None:
    """Serve until a signal ends it."""
    given = _arguments()
    logs.set_up()
    try:
        if not 0 < given.port < 65536:
            raise ConfigError(f"port {given.port}", "is not a port", "Give one from 1 to 65535")
        chosen = options.read(given)
        app = create_app(given.bundle, Limits(body_timeout_s=chosen.body_s), chosen)
        listening = listen(given.host, given.port)
    except ScanopsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    # uvicorn's access log would hold paths and queries as sent; the service writes its own line.
    settings = uvicorn.Config(
        app,
        http=patience.bounded(chosen.patience, app.state.service.metrics.count_refused_connection),
        ws="none",
        proxy_headers=bool(chosen.trusted_proxies),
        forwarded_allow_ips=chosen.trusted_proxies,
        access_log=False,
        server_header=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )
    # After a graceful end uvicorn raises the signal again, for whoever is around it; nobody is.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listening])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scanops.serving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = os.environ.get
    parser.add_argument(
        "--bundle", type=Path, default=default("SCANOPS_BUNDLE", "data/bundle"), metavar="DIR"
    )
    parser.add_argument("--host", default=default("SCANOPS_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=default("SCANOPS_PORT", "8080"))
    options.add(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
