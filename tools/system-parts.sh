#!/bin/sh
# What tests need of the operating system. With CI=true what is missing is installed, or this fails;
# otherwise it is named, and the tests that need it are skipped.
set -eu
missing=""
has() { command -v "$1" >/dev/null 2>&1; }

has initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
has wixl || missing="$missing wixl"
has msiinfo || missing="$missing msitools"
has chromium || has chromium-browser || has google-chrome || missing="$missing chromium"
has haproxy || [ -x /usr/sbin/haproxy ] || missing="$missing haproxy"

[ -n "$missing" ] || exit 0
if [ "${CI:-}" != true ]; then
    echo "Tests that need these will be skipped:$missing (on Debian: apt-get install$missing)" >&2
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! has apt-get; then
    echo "Missing:$missing; only root on Debian or Ubuntu can have them installed from here." >&2
    exit 1
fi
echo "installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086 # one word per package
apt-get -qq install -y --no-install-recommends $missing >/dev/null
