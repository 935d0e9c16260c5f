#!/usr/bin/env bash
# engine.sh - a Docker engine for the project's own tests.
#
#   engine.sh up      [--suite NAME] [--private]  find or start an engine; prints KEY=VALUE lines
#   engine.sh env     [--suite NAME] [--private]  the same lines, starts nothing (exit 1: none answers)
#   engine.sh restart [--suite NAME]              stop the private engine and start it again
#   engine.sh down    [--suite NAME] [--purge]    stop the private engine (never anybody else's)
#   engine.sh install [--suite NAME]              only download and unpack
#   engine.sh status                              what is unpacked, what runs
#
# `up` takes, in this order: DOCKER_HOST if it answers; the docker client's current context or a
# default socket if it answers; a private engine that is up already; else, on Debian as root, it
# unpacks an engine from Debian's packages into a cache folder and starts a private dockerd with its
# own socket, data, exec root, containerd namespaces, bridge and addresses. --private leaves out the
# first two. It may run many times at once, and mends what a killed engine left behind.
#
# Suites: bookworm  20.10, the oldest that is supported
#         trixie    26.1, the default: a stable release, its version no longer moves
#         forky     28.5 or later, the newest: moves until its release
#
# Environment: SEALMOUNT_ENGINE_SUITE    default of --suite
#              SEALMOUNT_ENGINE_STORE    "containerd": containerd's image store (trixie and later)
#              SEALMOUNT_ENGINE_KIND     "apart", "userns" or "rootless": see kinds.sh
#              SEALMOUNT_ENGINE_CACHE    packages and data (~/.cache/sealmount-engine)
#              SEALMOUNT_ENGINE_RUN      sockets, pid files, logs (/run/sealmount-engine)
#              SEALMOUNT_ENGINE_TOOLS    suite of the client, buildx and compose
#              SEALMOUNT_ENGINE_REFRESH  "1": look for newer packages
#              SEALMOUNT_ENGINE_MIRROR   registry mirror for Docker Hub, http://127.0.0.1:PORT
set -Eeuo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

CACHE=${SEALMOUNT_ENGINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealmount-engine}
RUN=${SEALMOUNT_ENGINE_RUN:-/run/sealmount-engine}
REFRESH=${SEALMOUNT_ENGINE_REFRESH:-}

say() { printf 'engine: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}
usage() {
  say "$1; usage:"
  sed -n '2,/^set -E/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2
  exit 64
}
. "$here/debian.sh"
. "$here/kinds.sh"

command=${1:-}
[ $# -eq 0 ] || shift
suite=${SEALMOUNT_ENGINE_SUITE:-trixie} private=0 purge=0
grace=15 # seconds that the daemon gets to end
while [ $# -gt 0 ]; do
  case $1 in
    --suite)
      [ $# -gt 1 ] || usage "--suite wants a name"
      suite=$2
      shift
      ;;
    --suite=*) suite=${1#*=} ;;
    --private) private=1 ;;
    --purge) purge=1 ;;
    *) usage "unknown option $1" ;;
  esac
  shift
done
case $suite in '' | *[!a-z0-9-]*) usage "bad suite name" ;; esac
case $suite in
  bookworm | bullseye) tools=trixie ;; # these have no buildx
  *) tools=$suite ;;
esac
tools=${SEALMOUNT_ENGINE_TOOLS:-$tools}
store=${SEALMOUNT_ENGINE_STORE:-}
kind=${SEALMOUNT_ENGINE_KIND:-}
case $kind in '' | apart | userns | rootless) ;; *) usage "unknown kind of engine" ;; esac
id=$suite${store:+-$store}${kind:+-$kind} # one daemon and one data folder per suite, image store and kind
place=$(daemon_place)
socket=$place.sock

# ------------------------------------------------------------------ does an engine answer?

ping_socket() {
  [ -S "$1" ] && [ "$(curl -s --max-time 3 --unix-socket "$1" http://localhost/_ping 2>/dev/null)" = OK ]
}
ping_host() {
  case $1 in
    unix://*) ping_socket "${1#unix://}" ;;
    *) command -v docker >/dev/null && DOCKER_HOST=$1 timeout 10 docker version >/dev/null 2>&1 ;;
  esac
}
# Prints how to reach an engine that answers, else fails.
find_engine() {
  [ "$private" = 1 ] || ! find_foreign || return 0
  if pid_of >/dev/null && ping_socket "$socket"; then
    print_env "unix://$socket" "$id"
    return 0
  fi
  return 1
}
find_foreign() {
  local host context
  if [ -n "${DOCKER_HOST:-}" ]; then
    if ping_host "$DOCKER_HOST"; then
      print_env "$DOCKER_HOST"
      return 0
    fi
    say "DOCKER_HOST is set, but nothing answers there"
    return 1
  fi
  context=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || true)
  for host in "$context" unix:///var/run/docker.sock "unix://${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/docker.sock"; do
    [ -n "$host" ] || continue
    if ping_host "$host"; then
      print_env "$host"
      return 0
    fi
  done
  return 1
}
# print_env HOST [ID]: ID only for an engine of our own
print_env() {
  echo "DOCKER_HOST=$1"
  if [ -n "${2:-}" ]; then
    echo "SEALMOUNT_ENGINE=$2"
    echo "SEALMOUNT_ENGINE_DATA=$CACHE/data-$2"
    echo "SEALMOUNT_ENGINE_EXEC=$place.exec"
  fi
  if [ -e "$CACHE/tools-$tools/.ok" ]; then
    echo "SEALMOUNT_ENGINE_BIN=$CACHE/tools-$tools/bin"         # docker: for PATH
    echo "SEALMOUNT_ENGINE_PLUGINS=$CACHE/tools-$tools/plugins" # buildx, compose: for cliPluginsExtraDirs
  fi
}

# ------------------------------------------------------------------ packages

# Runs command lines side by side; fails when one of them does.
together() {
  local line pid pids=() failed=0
  for line in "$@"; do
    (eval "$line") &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  return $failed
}
wanted() { [ -n "$REFRESH" ] || [ ! -e "$CACHE/$1/.ok" ]; }

# runc and tini link against their own suite's C library (2.38 since trixie): the host's suite it is
get_host() {
  local to=$CACHE/host-$(host_codename)
  rm -rf "$to.new"
  apt_update "$(host_codename)"
  unpack "$(host_codename)" "$to.new" runc tini
  works "$to.new/usr/sbin/runc" --version || die "runc does not run (libseccomp2 missing?)"
  finish "$to"
}
# a user's own engine has to be given its range of ids by programs of root
get_rootless() {
  local to=$CACHE/rootless-$(host_codename)
  rm -rf "$to.new"
  apt_update "$(host_codename)"
  unpack "$(host_codename)" "$to.new" rootlesskit uidmap slirp4netns libslirp0
  works "$to.new/usr/bin/rootlesskit" --version || die "rootlesskit does not run"
  works env LD_LIBRARY_PATH="$(echo "$to.new"/usr/lib/*-linux-gnu)" "$to.new/usr/bin/slirp4netns" --version ||
    die "slirp4netns does not run (libglib2.0-0 missing?)"
  finish "$to"
}
get_tools() {
  local to=$CACHE/tools-$tools plugin
  rm -rf "$to.new"
  mkdir -p "$to.new/bin" "$to.new/plugins"
  unpack "$tools" "$to.new" docker-cli docker-buildx docker-compose
  ln -s ../usr/bin/docker "$to.new/bin/docker"
  for plugin in docker-buildx docker-compose; do
    ln -s "../usr/libexec/docker/cli-plugins/$plugin" "$to.new/plugins/$plugin"
  done
  works "$to.new/bin/docker" --version || die "docker-cli of $tools does not run on this C library"
  finish "$to"
}
get_engine() {
  local to=$CACHE/engine-$suite name folder
  rm -rf "$to.new"
  mkdir -p "$to.new/bin"
  together "unpack $suite $to.new/a docker.io" "unpack $suite $to.new/b containerd"
  for name in dockerd docker-proxy docker containerd containerd-shim-runc-v2 ctr; do
    for folder in a/usr/sbin a/usr/bin b/usr/bin; do
      [ ! -e "$to.new/$folder/$name" ] || ln -sf "../$folder/$name" "$to.new/bin/$name"
    done
  done
  cat "$to.new"/[ab]/PACKAGES >"$to.new/PACKAGES"
  for name in dockerd containerd; do
    works "$to.new/bin/$name" --version || die "$name of $suite does not run on this machine"
  done
  rm -rf "$to.new"/[ab]/usr/share
  finish "$to"
}
install_all() {
  local jobs=() suites=()
  ! wanted "engine-$suite" || { suites+=("$suite") jobs+=(get_engine); }
  ! wanted "tools-$tools" || { suites+=("$tools") jobs+=(get_tools); }
  ! wanted "host-$(host_codename)" || jobs+=(get_host)
  [ "$kind" != rootless ] || ! wanted "rootless-$(host_codename)" || jobs+=(get_rootless)
  [ ${#jobs[@]} -gt 0 ] || return 0
  { works command -v apt-get && works command -v dpkg; } ||
    die "no engine answers and this is no Debian: start Docker, or set DOCKER_HOST"
  [ "$(id -u)" = 0 ] || die "no engine answers, and starting one needs root: start Docker, or set DOCKER_HOST"
  say "unpacking Debian's packages for $suite into $CACHE (once)"
  debian_uri >/dev/null || die "no Debian archive among apt's sources"
  if [ ${#suites[@]} -gt 0 ]; then
    mapfile -t suites < <(printf '%s\n' "${suites[@]}" | sort -u)
    together "${suites[@]/#/apt_update }" || return 1
  fi
  together "${jobs[@]}"
}

# ------------------------------------------------------------------ the private daemon

# pid of our dockerd: from its pid file, believed only when the command line names that file
pid_of() {
  local pid
  pid=$(cat "$place.pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] &&
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -- "$place.pid" && printf '%s' "$pid"
}

# Every engine has a number 1..15, a bridge smengN and the addresses 172.31.(16N).0/20. Its number is
# kept in $RUN/ID.net; a new engine takes the first one whose bridge nobody has.
number() {
  local n
  if [ -s "$RUN/$id.net" ]; then
    cat "$RUN/$id.net"
    return
  fi
  for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    # made here: scripts with other cache folders, and so other locks, may look for one too
    if ! grep -qxF $n "$RUN"/*.net 2>/dev/null && ip link add name "smeng$n" type bridge 2>/dev/null; then
      printf '%s' $n | tee "$RUN/$id.net"
      return
    fi
  done
  die "no free network for another engine: take one down (engine.sh status)"
}
# A bridge of its own: --bridge=none makes every RUN of a build fail ("network bridge not found"), and
# deletes the docker0 of any other engine on this machine.
make_bridge() { # NUMBER
  ip link show "smeng$1" >/dev/null 2>&1 || ip link add name "smeng$1" type bridge
  ip addr replace "172.31.$(($1 * 16)).1/24" dev "smeng$1"
  ip link set "smeng$1" up
  # where another engine has set FORWARD to DROP, containers of one network could not meet
  if works command -v iptables && iptables -S FORWARD 2>/dev/null | grep -q '^-P FORWARD DROP'; then
    forward -C "$1" || forward -I "$1" || true
  fi
}
forward() { # -C | -I | -D, NUMBER: the rule for our own addresses
  local pool=172.31.$(($2 * 16)).0/20
  iptables "$1" FORWARD -s "$pool" -d "$pool" -m comment --comment "sealmount-engine $id" -j ACCEPT 2>/dev/null
}
# A folder with the engine's binaries and the host suite's runc and init: the daemon's PATH.
make_path() {
  rm -rf "$RUN/$id.bin"
  mkdir "$RUN/$id.bin"
  local name cache
  cache=$(seen_cache)
  for name in "$CACHE/engine-$suite"/bin/*; do
    ln -s "$cache/engine-$suite/bin/${name##*/}" "$RUN/$id.bin/"
  done
  ln -sf "$cache/host-$(host_codename)/usr/sbin/runc" "$RUN/$id.bin/runc"
  ln -sf "$cache/host-$(host_codename)/usr/bin/tini-static" "$RUN/$id.bin/docker-init"
}
# A lock of whoever calls this script must not live on in the daemon.
close_inherited() {
  local fd
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    [ "$fd" -le 2 ] || [ "$fd" -ge 255 ] || eval "exec $fd>&-"
  done
}
start() {
  local n i options
  works command -v ip || die "the command ip is missing (Debian: iproute2)"
  mkdir -p "$RUN" "$CACHE/data-$id"
  chmod 711 "$RUN"
  make_path
  prepare_kind
  mapfile -t options < <(kind_options)
  if has_bridge; then
    n=$(number)
    make_bridge "$n"
    options+=(--bridge "smeng$n" --default-address-pool "base=172.31.$((n * 16 + 8)).0/21,size=26")
  fi
  printf '{"features":{%s},"registry-mirrors":[%s]}\n' "${store:+\"containerd-snapshotter\":true}" \
    "${SEALMOUNT_ENGINE_MIRROR:+\"$SEALMOUNT_ENGINE_MIRROR\"}" >"$RUN/$id.json"
  rm -f "$place".{sock,pid}
  (
    close_inherited
    cd / # git and others of the daemon fail in a folder that is gone
    PATH=$RUN/$id.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      with_view dockerd --config-file "$RUN/$id.json" --host "unix://$socket" --group "$(id -gn)" \
      --pidfile "$place.pid" --data-root "$(seen_cache)/data-$id" --exec-root "$place.exec" \
      --containerd-namespace "sealmount-$id" --containerd-plugins-namespace "sealmount-$id-plugins" \
      --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false \
      --log-level warn "${options[@]}" >"$RUN/$id.log" 2>&1 </dev/null
  )
  for ((i = 0; i < 300; i++)); do
    ! ping_socket "$socket" || return 0
    sleep 0.1
    [ "$i" -lt 30 ] || pid_of >/dev/null || break # it has ended
  done
  tail -5 "$RUN/$id.log" >&2
  die "the engine did not come up (log: $RUN/$id.log)"
}
stop() {
  local n
  ! pid_of >/dev/null || stop_daemon "$(pid_of)"
  remove_leftovers
  if [ -s "$RUN/$id.net" ]; then
    n=$(number)
    ! { works command -v iptables && forward -C "$n"; } || forward -D "$n" || true
    ip link del "smeng$n" 2>/dev/null || true
  fi
  # with --userns-remap there is one more exec root, named by the first ids
  rm -rf "$RUN/$id".{sock,pid,exec,bin,json,net,etc,home} "$RUN/$id".exec.[0-9]*
  [ ! -d "$RUN/$id.cache" ] || rmdir "$RUN/$id.cache" # its mount was the daemon's alone
  [ "$purge" = 0 ] || rm -rf "$CACHE/data-$id"
}
stop_daemon() { # PID: containers first, else the daemon waits for each of them
  local container i api=(curl -s --unix-socket "$socket")
  for container in $("${api[@]}" --max-time 5 http://localhost/containers/json 2>/dev/null |
    grep -oE '"Id":"[0-9a-f]{64}"' | cut -d'"' -f4); do
    "${api[@]}" -o /dev/null --max-time 10 -X POST "http://localhost/containers/$container/kill" || true
  done
  kill -TERM "$1" 2>/dev/null || true
  for ((i = 0; i < grace * 10; i++)); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  say "dockerd $1 did not stop: killed"
  kill -KILL "$1" 2>/dev/null || true
}
# What an engine that was killed leaves behind: its containerd and shims, and mounts.
remove_leftovers() {
  local process mount
  {
    for process in /proc/[0-9]*; do
      case $(tr '\0' ' ' <"$process/cmdline" || true) in
        "containerd --config $place.exec/"* | *-shim*" $place.exec/"* | *"--state-dir=$RUN/$id.home/"*)
          kill -KILL "${process#/proc/}" || true
          ;;
      esac
    done
  } 2>/dev/null
  # dockerd mounts its data folder on itself too
  { grep -oE " ($place\.exec|$CACHE/data-$id)(/[^ ]*)? " /proc/self/mounts || true; } | sort -r |
    while read -r mount; do umount -l "$mount" 2>/dev/null || true; done
}
status() {
  local file
  for file in "$CACHE"/{engine,tools,host,rootless}-*/PACKAGES; do
    [ ! -e "$file" ] || printf '%s: %s\n' "$(basename "$(dirname "$file")")" "$(paste -sd, "$file")"
  done
  for file in "$RUN"/*.sock "$RUN"/*.home/engine.sock; do
    [ -S "$file" ] || continue
    place=${file%.sock}
    printf 'unix://%s: %s\n' "$file" "$(pid_of || echo dead)"
  done
}
# One lock for everything below the cache folder. Children get no copy of it (9>&-): the daemon would
# hold it for its whole life.
lock() {
  mkdir -p "$CACHE"
  exec 9>"$CACHE/lock"
  flock 9
}

case $command in
  up)
    ! find_engine || exit 0
    works command -v curl || die "the command curl is missing (Debian: curl)"
    lock
    ! find_engine || exit 0 # somebody else was faster
    install_all 9>&-
    { [ ! -e "$place.exec" ] || stop; } 9>&-
    start 9>&-
    print_env "unix://$socket" "$id"
    ;;
  env) find_engine ;;
  install)
    lock
    install_all 9>&-
    ;;
  restart)
    lock
    pid_of >/dev/null || die "no private engine $id to restart"
    grace=3
    { stop && start; } 9>&-
    print_env "unix://$socket" "$id"
    ;;
  down)
    lock
    stop 9>&-
    ;;
  status) status ;;
  '') usage "no command" ;;
  *) usage "unknown command" ;;
esac
