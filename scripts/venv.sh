#!/bin/sh
# Makes .venv with the locked dependencies of the file given, and the project itself. Needs Python 3.11 or newer.
set -eu
lock=$1

find_python() {
    for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "halong needs Python 3.11 or newer: apt-get install python3 python3-venv" >&2
    exit 1
}

if [ ! -x .venv/bin/python ]; then
    python=$(find_python)
    if ! "$python" -m venv .venv 2>/dev/null; then
        rm -rf .venv
        echo "halong needs the venv module of $python: apt-get install python3-venv" >&2
        exit 1
    fi
fi
echo "installing $lock into .venv …"
.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
