#!/bin/sh
# Make .venv from the lock file: seconds with uv, which is itself installed from a lock file with hashes.
# Where packages come from is configured outside (pip's and uv's own settings and variables).
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then
    echo "error: $python: is not Python 3.11, 3.12 or 3.13. Install one, or name it: make setup PYTHON=python3.12" >&2
    exit 4
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing python3-venv, which this Python lacks" >&2
        apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >&2
    else
        echo "error: $python: cannot make virtual environments. Install the package python3-venv" >&2
        exit 4
    fi
fi

mkdir -p build
if [ ! -x build/uv/bin/uv ] || ! cmp -s requirements/uv.txt build/uv/lock.txt; then
    rm -rf build/uv
    "$python" -m venv build/uv
    build/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
    cp requirements/uv.txt build/uv/lock.txt
fi

[ -x .venv/bin/python ] || build/uv/bin/uv venv --quiet --python "$python" .venv
# uv trusts what pip was told to trust: an institution's proxy signs with its own certificate.
[ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
# Compiled once, here: where no bytecode is written, every start would compile what it imports.
build/uv/bin/uv pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements/dev.txt
build/uv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
touch .venv/ready
