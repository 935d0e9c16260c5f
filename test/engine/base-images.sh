#!/usr/bin/env bash
# base-images.sh - base images for the project's tests, made of this machine's own files: no image
# registry is asked.
#
#   DOCKER_HOST=... base-images.sh [busybox] [node] [frontend] [--force]     (default: busybox node)
#
#   busybox   busybox:local, busybox:latest  Debian's static busybox, 2 MB
#   node      node:MAJOR-slim, node:local    the Node of node_modules, npm, the libraries Node needs,
#                                            and a busybox shell, 125 MB
#   frontend  docker/dockerfile:1, :1.4 ...  makes `# syntax=` lines work offline (frontend/frontend.mjs)
#
# An image whose label sealmount.base equals the hash of its recipe is kept. A tag that somebody else
# made is never moved: where a real node:24-slim exists, that one stays. DOCKER_HOST has to be set, so
# that no engine is changed by mistake (engine.sh prints it); DOCKER names another client.
set -Eeuo pipefail
export LC_ALL=C
say() { printf 'base-images: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}
: "${DOCKER_HOST:?base-images: set DOCKER_HOST (engine.sh up prints it)}"
DOCKER=${DOCKER:-docker}
CACHE=${SEALMOUNT_ENGINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealmount-engine}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/debian.sh"

# npm for the node image: from the registry, since a distribution's npm is spread over many folders
NPM_VERSION=11.6.2
IMAGE_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

force=0 want=()
for argument in "$@"; do
  case $argument in
    --force) force=1 ;;
    busybox | node | frontend) want+=("$argument") ;;
    *) die "unknown image $argument" ;;
  esac
done
[ ${#want[@]} -gt 0 ] || want=(busybox node)
mkdir -p "$CACHE"
work=$(mktemp -d "$CACHE/images.XXXXXX")
trap 'rm -rf "$work"' EXIT

# ------------------------------------------------------------------ images and tags

# The label of an image: empty for an image of somebody else, "absent" without an image.
label() {
  $DOCKER image inspect -f '{{with .Config.Labels}}{{index . "sealmount.base"}}{{end}}' "$1" 2>/dev/null ||
    echo absent
}
is_current() { [ "$force" = 0 ] && [ "$(label "$1")" = "$2" ]; } # IMAGE HASH
# The hash of a recipe: this script, and the files that go in by name, size and time
hash_of() {
  {
    cat "${BASH_SOURCE[0]}"
    stat -Lc '%n %s %Y' "$@"
  } | sha256sum | cut -c1-16
}
# put_tags IMAGE TAG...: also removes the image that had the first of them, when it was ours
put_tags() {
  local image=$1 tag old
  shift
  old=$(id_of "$1")
  for tag in "$@"; do
    if [ -n "$(label "$tag")" ]; then
      $DOCKER tag "$image" "$tag"
    else
      say "kept the $tag that was there"
      old=
    fi
  done
  # fails when a container or a child image still uses it: then it stays
  [ -z "$old" ] || [ "$old" = "$(id_of "$image")" ] || $DOCKER rmi "$old" >/dev/null 2>&1 || true
}
id_of() { $DOCKER image inspect -f '{{.Id}}' "$1" 2>/dev/null || true; }
import() { # FOLDER HASH NAME CHANGE...
  local folder=$1 hash=$2 name=$3 changes=() change
  shift 3
  for change in "$@"; do changes+=(-c "$change"); done
  tar --sort=name --mtime=@0 --numeric-owner -C "$folder" -c . |
    $DOCKER import -c "LABEL sealmount.base=$hash" -c "ENV PATH=$IMAGE_PATH" "${changes[@]}" - "$name" >/dev/null
}

# ------------------------------------------------------------------ their files

busybox_binary() {
  local binary=$CACHE/busybox/bin/busybox
  if [ ! -e "$binary" ]; then
    apt_update "$(host_codename)"
    rm -rf "$CACHE/busybox.new"
    unpack "$(host_codename)" "$CACHE/busybox.new" busybox-static
    rm -rf "$CACHE/busybox"
    mv "$CACHE/busybox.new" "$CACHE/busybox"
  fi
  printf '%s' "$binary"
}
npm_package() {
  local to=$CACHE/npm-$NPM_VERSION
  if [ ! -e "$to" ]; then
    (cd "$work" && npm pack --silent "npm@$NPM_VERSION" >/dev/null) || die "npm $NPM_VERSION could not be had"
    tar -C "$work" -xzf "$work/npm-$NPM_VERSION.tgz"
    mv "$work/package" "$to"
  fi
  printf '%s' "$to"
}
# copy ROOT FILE [AS]: the file itself, not a link to it
copy() {
  local to=$1${3:-$2}
  mkdir -p "$(dirname "$to")"
  [ -e "$to" ] || cp -L "$2" "$to"
}
make_skeleton() { # ROOT: shell, users, folders
  local to=$1 applet
  mkdir -p "$to"/{bin,etc,root,tmp,proc,sys,dev,run,var/tmp,usr/bin,usr/local/bin,home/node}
  chmod 1777 "$to/tmp" "$to/var/tmp"
  chmod 700 "$to/root"
  cp "$(busybox_binary)" "$to/bin/busybox"
  for applet in $("$to/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$to/bin/$applet"
  done
  for applet in env id test '['; do ln -s ../../bin/busybox "$to/usr/bin/$applet"; done
  printf '%s\n' root:x:0:0:root:/root:/bin/sh node:x:1000:1000::/home/node:/bin/sh \
    nobody:x:65534:65534:nobody:/:/bin/false >"$to/etc/passwd"
  printf '%s\n' root:x:0: node:x:1000: nogroup:x:65534: >"$to/etc/group"
  printf 'hosts: files dns\n' >"$to/etc/nsswitch.conf"
  chown 1000:1000 "$to/home/node"
}
make_node() { # ROOT
  local to=$1 library npm=$1/usr/local/lib/node_modules/npm
  make_skeleton "$to"
  copy "$to" "$node" /usr/local/bin/node
  # librt: Node does without, native packages don't
  { ldd "$node" | grep -oE '/[^ ]+'; find /lib/*-linux-gnu -name librt.so.1; } |
    while read -r library; do copy "$to" "$library"; done
  mkdir -p "$(dirname "$npm")"
  cp -a "$(npm_package)" "$npm"
  rm -rf "$npm/docs" "$npm/man"
  chown -R 0:0 "$npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$to/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$to/usr/local/bin/npx"
  [ ! -r /etc/ssl/certs/ca-certificates.crt ] || copy "$to" /etc/ssl/certs/ca-certificates.crt
  copy "$to" /etc/os-release
}

# ------------------------------------------------------------------ the three images

busybox_image() {
  local hash
  hash=$(hash_of "$(busybox_binary)")
  if ! is_current sealmount/busybox "$hash"; then
    make_skeleton "$work/busybox"
    import "$work/busybox" "$hash" sealmount/busybox 'CMD ["sh"]'
  fi
  put_tags sealmount/busybox busybox:local busybox:latest
}
node_image() {
  local hash version
  node=$root/node_modules/node/bin/node
  [ -x "$node" ] || die "no Node in node_modules: run npm ci"
  version=$("$node" -p process.versions.node)
  hash=$(hash_of "$node" "$(busybox_binary)")
  if ! is_current sealmount/node "$hash"; then
    make_node "$work/node"
    import "$work/node" "$hash" sealmount/node "ENV NODE_VERSION=$version" 'CMD ["node"]'
  fi
  put_tags sealmount/node "node:${version%%.*}-slim" node:local
}
frontend_image() {
  local hash
  hash=$(hash_of "$here/frontend/frontend.mjs")
  if ! is_current sealmount/frontend "$hash"; then
    [ "$(label sealmount/node)" != absent ] || node_image
    mkdir "$work/frontend"
    cp "$here/frontend/frontend.mjs" "$work/frontend/"
    printf '%s\n' 'FROM sealmount/node' 'COPY frontend.mjs /' "LABEL sealmount.base=$hash" \
      'ENTRYPOINT ["/usr/local/bin/node", "/frontend.mjs"]' >"$work/frontend/Dockerfile"
    # the legacy builder is part of every engine: it works with and without buildx
    tar -C "$work/frontend" -c . |
      DOCKER_BUILDKIT=0 $DOCKER build -q -t sealmount/frontend - >"$work/log" 2>&1 ||
      { cat "$work/log" >&2; die "the frontend image could not be built"; }
  fi
  put_tags sealmount/frontend docker/dockerfile:{1,1.2,1.3,1.4,1.5,1.6,1.7,1.8,1.9,1.10,latest}
}

# One at a time per machine: two runs would make the same image twice. Children get no copy of the lock.
exec 9>"$CACHE/images.lock"
flock 9
for image in "${want[@]}"; do "${image}_image" 9>&-; done
