#!/usr/bin/env bash
# podman.sh - podman for the project's own tests: Debian's, unpacked and not installed.
#
#   podman.sh make FOLDER IMAGES   a podman with images (a file of `docker save`); all it keeps is in FOLDER
#   podman.sh end FOLDER           removes its containers and what they have mounted; FOLDER may go then
#
# FOLDER/bin is for PATH. Containers have no network. bookworm's podman, whatever the machine is, with
# the runc of engine.sh, which has to be unpacked before.
#
# Environment: SEALMOUNT_ENGINE_CACHE    packages (~/.cache/sealmount-engine)
set -Eeuo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${SEALMOUNT_ENGINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealmount-engine}
say() { printf 'podman: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}
. "$here/debian.sh"

packages=$CACHE/podman-bookworm
libraries=$packages/usr/lib/$(uname -m)-linux-gnu
runc=$CACHE/host-$(host_codename)/usr/sbin/runc

get_podman() {
  [ ! -e "$packages/.ok" ] || return 0
  works command -v dpkg || die "this is no Debian"
  rm -rf "$packages.new"
  apt_update bookworm
  unpack bookworm "$packages.new" podman conmon libassuan0 libgpgme11 libsubid4
  works env LD_LIBRARY_PATH="$packages.new/usr/lib/$(uname -m)-linux-gnu" "$packages.new/usr/bin/podman" --version ||
    die "podman does not run (libdevmapper1.02.1 or libseccomp2 missing?)"
  works env LD_LIBRARY_PATH="$packages.new/usr/lib/$(uname -m)-linux-gnu" "$packages.new/usr/bin/conmon" --version ||
    die "conmon does not run (libglib2.0-0 missing?)"
  finish "$packages"
}
# Every path that podman would else take on the machine. Its clean-up after a container's end is a
# process that conmon starts, and that finds nothing in its environment but what is named here.
configure() { # FOLDER
  cat >"$1/containers.conf" <<END
[containers]
cgroups = "no-conmon"
netns = "none"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_config_dir = "$1/networks"
[engine]
cgroup_manager = "cgroupfs"
conmon_path = ["$packages/usr/bin/conmon"]
conmon_env_vars = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH=$libraries",
  "CONTAINERS_CONF=$1/containers.conf", "CONTAINERS_STORAGE_CONF=$1/storage.conf"]
events_logger = "none"
lock_type = "file"
runtime = "runc"
tmp_dir = "$1/run/tmp"
[engine.runtimes]
runc = ["$1/bin/runc"]
END
  printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' "$1" "$1" \
    >"$1/storage.conf"
  printf '{"default":[{"type":"insecureAcceptAnything"}]}' >"$1/policy.json"
  program "$1/bin/runc" <<<"exec '$runc' --root '$1/run/runc' \"\$@\""
  program "$1/bin/podman" <<END
export CONTAINERS_CONF='$1/containers.conf' CONTAINERS_STORAGE_CONF='$1/storage.conf'
export LD_LIBRARY_PATH='$libraries'
exec '$packages/usr/bin/podman' "\$@"
END
}
program() { # FILE: makes one of the script on the standard input
  { printf '#!/bin/sh\n' && cat; } >"$1"
  chmod 755 "$1"
}
make() { # FOLDER IMAGES
  [ -x "$runc" ] || die "no runc: start an engine first (engine.sh up)"
  mkdir -p "$1/bin" "$1/networks"
  configure "$1"
  # it notes what it loads in /var/lib/containers
  # shellcheck disable=SC2016 # for the inner shell
  unshare --mount --propagation private sh -ec 'mount -t tmpfs tmpfs /var/lib && exec "$@"' sh \
    "$1/bin/podman" load --quiet --signature-policy "$1/policy.json" --input "$2" >/dev/null
}
end() { # FOLDER
  "$1/bin/podman" rm --all --force --time 0 >/dev/null
  # the parent of its containers' cgroups; with somebody else's in it, it stays
  find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || true
}

[ "$(id -u)" = 0 ] || die "this needs root"
case ${1:-} in
  make)
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock 9
    get_podman 9>&-
    exec 9>&-
    make "$2" "$3"
    ;;
  end) end "$2" ;;
  *) die "usage: podman.sh make FOLDER IMAGES | end FOLDER" ;;
esac
