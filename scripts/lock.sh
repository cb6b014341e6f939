#!/bin/sh
# Pins requirements.txt (to run) and requirements-dev.txt (to develop) with hashes and without addresses.
set -eu
export CUSTOM_COMPILE_COMMAND="make lock"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
.venv/bin/python -m venv "$tools"
"$tools/bin/python" -m pip install -q --disable-pip-version-check pip-tools
compile() {
    "$tools/bin/pip-compile" -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
        --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-annotate "$@" pyproject.toml
}
compile --extra install -o requirements.txt
compile --extra install --extra dev -c requirements.txt -o requirements-dev.txt
