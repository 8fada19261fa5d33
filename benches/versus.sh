#!/usr/bin/env bash
# Sets jackfield beside libzmq, NNG and bare streams on this machine, and its broker beside NATS and
# Redis, in one run, and prints two Markdown tables. Installs the others from Debian's packages where
# it may, and says what it goes without. Nothing else should run meanwhile. All options go to the measurer:
#
#   benches/versus.sh [--quick] [--tcp | --ipc] [--only TEXT] [--repetitions N] [--picture FILE]
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
# Where Debian has servers.
PATH=$PATH:/usr/sbin

install() {
    local missing=() package
    for package in gcc libc6-dev libzmq3-dev libnng-dev nats-server redis-server; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    local run=()
    [ "$(id -u)" = 0 ] || run=(sudo -n)
    echo "installing ${missing[*]}" >&2
    "${run[@]}" apt-get update -q >&2 &&
        "${run[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}
if command -v apt-get dpkg >/dev/null; then
    install || echo "could not install them" >&2
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
others=()
with() {
    local name=$1 source=$2 library=$3
    if gcc -O2 -o "$out/$source" "benches/versus/others/$source.c" "-l$library" 2>"$out/errors"; then
        others+=(--with "$name=$out/$source")
    else
        echo "without $name, which cannot be built here: $(head -n 1 "$out/errors")" >&2
    fi
}
with libzmq zmq zmq
with NNG nng nng

cargo bench --quiet --bench versus -- compare "${others[@]}" "$@"
