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
told=$venv/setup.log
: >"$told"

echo "installing what uv.lock says; this takes about a minute" >&2
[ -x "$venv/bin/uv" ] || "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv

# Whom to trust is first asked of this machine, which may have an authority of its own, then of uv.
for own in true false; do
    export UV_SYSTEM_CERTS=$own
    if "$venv/bin/uv" sync --quiet --frozen --inexact --active 2>>"$told"; then
        exit 0
    fi
done
echo "The addresses in uv.lock cannot be reached ($told says why)." >&2
echo "Taking the same versions from this machine's own index; that takes some minutes." >&2
locked=$venv/locked.txt
"$venv/bin/uv" export --quiet --frozen --no-hashes --no-emit-project --output-file "$locked"
"$venv/bin/uv" pip install --quiet --requirement "$locked" 2>>"$told" ||
    "$venv/bin/python" -m pip install --quiet --requirement "$locked"
"$venv/bin/uv" pip install --quiet --no-deps --editable . 2>>"$told" ||
    "$venv/bin/python" -m pip install --quiet --no-deps --editable .
