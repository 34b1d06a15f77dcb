# shellcheck shell=sh disable=SC2154
# Sourced by quickstart and test: finds a Python and makes a private environment. Needs $root and $environment.

say() { printf '%s\n' "==> $*"; }
fail() {
    printf '%s\n' "$*" >&2
    exit 2
}

find_python() {
    for candidate in /usr/bin/python3 python3; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "gateproof needs Python 3.11 or newer: Debian 12, Ubuntu 24.04 or later have it (apt-get install python3)"
}

make_environment() {
    python=$(find_python) || exit 2
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            say "This Python cannot make environments: installing python3-venv"
            { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3-venv; } >/dev/null || fail "apt-get install python3-venv failed"
        else
            fail "This Python cannot make environments. As root: apt-get install python3-venv"
        fi
    fi
    if [ ! -x "$environment/bin/python" ] || ! "$environment/bin/python" -c '' 2>/dev/null; then
        say "Making a private Python environment in $environment"
        "$python" -m venv --clear "$environment" || fail "the environment could not be made in $environment"
    fi
}

# install_locked LOCK: the dependencies as locked; nothing when the lock has not changed since the last time.
install_locked() {
    mark=$(cksum <"$root/packaging/$1")
    if [ "$(cat "$environment/$1.mark" 2>/dev/null)" = "$mark" ]; then
        return
    fi
    say "Installing what is locked in packaging/$1"
    "$environment/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$root/packaging/$1" ||
        fail "pip could not install the dependencies: is a package index reachable?"
    printf '%s' "$mark" >"$environment/$1.mark"
}

install_project() {
    say "Installing gateproof"
    if [ -z "${GATEPROOF_PURE:-}" ] && command -v cc >/dev/null 2>&1; then
        say "(its decoders are compiled: half a minute, once; GATEPROOF_PURE=1 leaves that out)"
    fi
    "$environment/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation \
        --force-reinstall "$root" || fail "pip could not install gateproof"
}
