#!/usr/bin/env bash
# registry.sh - Debian's docker-registry (the reference registry) for the tests: prints its path.
#
#   registry.sh
#
# Unpacked once below SEALMOUNT_ENGINE_CACHE (~/.cache/sealmount-engine), not installed: a package
# would start a service. The binary is static.
set -Eeuo pipefail
export LC_ALL=C
say() { printf 'registry: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}
CACHE=${SEALMOUNT_ENGINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealmount-engine}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/debian.sh"

binary=$CACHE/registry/usr/bin/docker-registry
mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9
if [ ! -x "$binary" ]; then
  apt_update "$(host_codename)" 9>&-
  rm -rf "$CACHE/registry.new"
  unpack "$(host_codename)" "$CACHE/registry.new" docker-registry 9>&-
  rm -rf "$CACHE/registry"
  mv "$CACHE/registry.new" "$CACHE/registry"
fi
printf '%s\n' "$binary"
