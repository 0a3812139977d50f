#!/bin/sh
# tools/setup.sh PYTHON VENV: an environment with the locked versions of everything, and Reseal itself, editable.
#
# uv is put into the environment first. Packages come from where uv.lock says; on a machine that reaches only an
# index of its own (pip's or uv's settings), the same versions come from there.
set -eu
python=$1
venv=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Reseal needs Python 3.11 or newer; '$python' is not. Say which: make setup PYTHON=python3.12" >&2
    exit 1
}
if [ ! -x "$venv/bin/python" ]; then
    echo "making $venv" >&2
    "$python" -m venv "$venv" || {
        echo "Python could not make an environment; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
fi
export VIRTUAL_ENV="$PWD/$venv"
[ -x "$venv/bin/uv" ] || "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv

if "$venv/bin/uv" sync --frozen --inexact --active; then
    exit 0
fi
echo "The addresses in uv.lock cannot be reached; taking the same versions from this machine's own index." >&2
locked=$venv/locked.txt
"$venv/bin/uv" export --quiet --frozen --no-hashes --no-emit-project --output-file "$locked"
"$venv/bin/uv" pip install --requirement "$locked" ||
    "$venv/bin/python" -m pip install --quiet --requirement "$locked"
"$venv/bin/uv" pip install --no-deps --editable . ||
    "$venv/bin/python" -m pip install --quiet --no-deps --editable .
