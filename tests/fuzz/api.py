"""A search of the API for 5xx and for answers that its OpenAPI document does not announce: `make test-api`.

Schemathesis sends what the document allows and what it forbids, to a real process with tokens, fetching by
URL, and a small bundle.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scanops.serving import tokens
from tests.bundles import make_bundle
from tests.served import serve

SIDE = 16
NOBODY = "http://127.0.0.1:9"  # a host on the list that does not answer
# Left out: a document cannot say that a tensor's numbers are as many as its shape means, that bytes are an
# image, or that a host is on a list; so what fits the document may be refused with reason.
LEFT_OUT = "positive_data_acceptance"


def search(
    url: str, document: dict[str, Any], folder: Path, examples: int, token: str = ""
) -> tuple[int, str]:
    """Search one service.

    Args:
        url: Where it listens.
        document: Its OpenAPI document.
        folder: For what is written.
        examples: Most requests of each kind to each operation.
        token: To send with each.

    Returns:
        0 where nothing was found, and what Schemathesis says.
    """
    file = folder / "openapi.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", str(file), "--url", url]
    command += [
        "--max-examples",
        str(examples),
        "--seed",
        "1",
        "--checks",
        "all",
        "--exclude-checks",
        LEFT_OUT,
    ]
    command += ["--request-timeout", "30", "--suppress-health-check", "all", "--generation-database", "none"]
    command += ["--header", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    return done.returncode, done.stdout + done.stderr


def search_ours(folder: Path, examples: int) -> tuple[int, str]:
    """Search our service, as `search` does.

    Args:
        folder: For a bundle, tokens and logs.
        examples: See `search`.

    Returns:
        See `search`; a process that has ended, or logged an error, is a find too.
    """
    token, line = tokens.make("search")
    (folder / "tokens").write_text(line, encoding="utf-8")
    bundle = make_bundle(folder / "bundle", size_px=SIDE)
    flags = ("--tokens", str(folder / "tokens"), "--url-hosts", NOBODY, "--body-seconds", "5")
    with serve(bundle, folder, *flags) as served:
        with served.client() as client:
            document = client.get("/openapi.json").json()
            running = client.get("/version").json()
        known = {
            "name": "scanops",
            "v": running["model"]["bundle_sha256"][:12],
            "class": running["classes"][0],
        }
        code, said = search(served.url, _with_examples(document, known), folder, examples, token)
        ended = served.process.poll()
        errors = [one for one in served.lines() if one["level"] == "error"]
    return code or int(ended is not None) or int(bool(errors)), said + "".join(map(str, errors))


def _with_examples(document: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """Add a request that is answered, so that the search does not meet refusals alone."""
    document["components"]["schemas"]["UrlRequest"]["examples"] = [{"url": f"{NOBODY}/scan.png"}]
    tensor = {"name": "image", "datatype": "UINT8", "shape": [1, SIDE, SIDE, 3], "data": [9] * (SIDE**2 * 3)}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                parameter["example"] = known[parameter["name"]]
        if path.endswith("/infer"):
            content = methods["post"]["requestBody"]["content"]["application/json"]
            content["example"] = {"inputs": [tensor], "outputs": [{"name": "class"}]}
    return document


def main() -> None:
    """Search, print what was found, and end with 1 where it was anything."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--examples", type=int, default=500)
    with tempfile.TemporaryDirectory() as folder:
        code, said = search_ours(Path(folder), parser.parse_args().examples)
    print(said)
    sys.exit(int(code != 0))


if __name__ == "__main__":
    main()
