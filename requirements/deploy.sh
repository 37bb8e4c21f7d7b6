#!/bin/sh
# Make build/deploy, the environment of Ansible, from its lock file. It is apart from .venv: a control node that
# only deploys needs no TensorFlow, and what answers for EC2 in tests needs another botocore than DVC.
set -eu
cd "$(dirname "$0")/.."
lock=requirements/deploy.txt
[ -x build/deploy/bin/python ] || build/uv/bin/uv venv --quiet --python .venv/bin/python build/deploy
[ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
build/uv/bin/uv pip sync --quiet --compile-bytecode --python build/deploy/bin/python --require-hashes "$lock"
touch build/deploy/ready
