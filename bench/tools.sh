#!/usr/bin/env bash
# tools.sh - programs to compare with, from Debian's packages: unpacked and not installed.
#
#   tools.sh SUITE PACKAGE...   prints BIN=FOLDER; the first package has the program of its name
#
# Programs run with the libraries that were unpacked beside them: those of a newer suite need newer ones.
#
# Environment: SEALMOUNT_ENGINE_CACHE    packages (~/.cache/sealmount-engine)
set -Eeuo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${SEALMOUNT_ENGINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealmount-engine}
say() { printf 'bench: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}
. "$here/../test/engine/debian.sh"

suite=${1:?a suite} package=${2:?a package}
shift
packages=$CACHE/bench-$package-$suite

# Every program gets a script that runs it with its own loader and libraries, if it has some.
wrap() { # FOLDER
  local program loader
  mkdir -p "$1/bin"
  loader=$(cd "$1" && find . -type f -name 'ld-linux*.so.*' -printf "%P\n" | head -1)
  for program in "$1"/usr/bin/*; do
    case $loader in
      '') printf '#!/bin/sh\nexec "%s" "$@"\n' "$packages/usr/bin/${program##*/}" ;;
      *)
        printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
          "$packages/$loader" "$packages/$(dirname "$loader")" "$packages/usr/bin/${program##*/}"
        ;;
    esac >"$1/bin/${program##*/}"
    chmod 755 "$1/bin/${program##*/}"
  done
}

works command -v dpkg || die "this is no Debian"
mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9
if [ ! -e "$packages/.ok" ]; then
  say "unpacking $package of $suite"
  rm -rf "$packages.new"
  apt_update "$suite" 9>&-
  unpack "$suite" "$packages.new" "$@" 9>&-
  wrap "$packages.new"
  finish "$packages"
fi
printf 'BIN=%s\nVERSION=%s\n' "$packages/bin" "$(sed -n "s/^$package //p" "$packages/PACKAGES")"
