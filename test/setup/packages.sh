#!/usr/bin/env bash
# packages.sh - the few Debian packages that the tests need beside Node, installed when they are missing.
#
#   curl, iproute2, mount            the private engine (test/engine/engine.sh)
#   gcc, gcc-aarch64-linux-gnu       the gate (src/run/gate) is made again and compared
#   git                              git contexts: the engine fetches them with it, and a test serves them
#   libseccomp2, libdevmapper1.02.1  runc, and the dockerd of bookworm
#   libglib2.0-0                     slirp4netns: the network of a rootless engine
#   python3, python3-nacl            pseudo-terminals, CPU times, and sealing with another libsodium binding
#   qemu-user-static                 runs the gate of the other machine
#
# Says nothing when all are there. Without apt or root it names what is missing and goes on: what does
# not need them still works.
set -Eeuo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
say() { printf 'setup: %s\n' "$*" >&2; }

# /usr/bin/python3, not whatever PATH has: Debian's modules belong to Debian's Python
probe() {
  case $1 in
    curl) command -v curl ;;
    gcc) command -v x86_64-linux-gnu-gcc ;;
    gcc-aarch64-linux-gnu) command -v aarch64-linux-gnu-gcc ;;
    git) command -v git ;;
    iproute2) command -v ip ;;
    mount) command -v umount ;;
    libglib2.0-0) ldconfig -p | grep -F libglib-2.0.so.0 ;;
    libseccomp2) ldconfig -p | grep -F libseccomp.so.2 ;;
    libdevmapper1.02.1) ldconfig -p | grep -F libdevmapper.so.1.02.1 ;;
    python3) [ -x /usr/bin/python3 ] ;;
    python3-nacl) /usr/bin/python3 -c 'import nacl.public' ;;
    qemu-user-static) command -v qemu-aarch64-static ;;
  esac >/dev/null 2>&1
}
list_missing() {
  local package
  for package in curl gcc gcc-aarch64-linux-gnu git iproute2 mount libglib2.0-0 libseccomp2 \
    libdevmapper1.02.1 python3 python3-nacl qemu-user-static; do
    probe "$package" || echo "$package"
  done
}
install() {
  apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

PATH=$PATH:/usr/sbin:/sbin
mapfile -t missing < <(list_missing)
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  say "missing: ${missing[*]}; some tests will fail (install them, or run as root on Debian)"
  exit 0
fi

say "installing ${missing[*]} with apt"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install "${missing[@]}" >"$log" 2>&1; then
  # the package lists may be missing or old
  if ! { apt-get -qq update && install "${missing[@]}"; } >"$log" 2>&1; then
    tail -5 "$log" >&2
    say "apt could not install ${missing[*]}"
    exit 1
  fi
fi
mapfile -t missing < <(list_missing)
[ ${#missing[@]} -eq 0 ] || say "still missing after apt: ${missing[*]}"
