# shellcheck shell=bash
# kinds.sh - how the private engine of a kind is started, and what it sees of this machine. Sourced by
# engine.sh, which sets CACHE, RUN, id and kind.
#
#   apart     mounts of its own, as on another machine: files in this machine's memory are not there
#   userns    --userns-remap: root in a container is somebody else outside
#   rootless  the whole engine is somebody else, with a network of its own
#
# Who that is stands in files which only the daemon sees: the machine's own users stay as they are.

ENGINE_USER=sealmount-engine ENGINE_UID=54321
FIRST_ID=1100000 # of a range of 65536

# Where the daemon keeps its socket, pid file and exec root: a prefix.
daemon_place() {
  case $kind in
    rootless) printf '%s' "$RUN/$id.home/engine" ;;
    *) printf '%s' "$RUN/$id" ;;
  esac
}
# Where it finds the cache folder, which may be below a home that is closed to others.
seen_cache() {
  case $kind in
    userns | rootless) printf '%s' "$RUN/$id.cache" ;;
    *) printf '%s' "$CACHE" ;;
  esac
}
# A bridge of this machine: without it the engine makes one in its own network.
has_bridge() { [ "$kind" != rootless ]; }

# What it is told besides, one word a line.
kind_options() { [ "$kind" != userns ] || printf '%s\n' --userns-remap "$ENGINE_USER"; }
# Its own folders, and what lies over the machine's /etc: one more user with a range of ids.
prepare_kind() {
  local to=$RUN/$id.etc file
  case $kind in userns | rootless) ;; *) return 0 ;; esac
  rm -rf "$to"
  mkdir -p "$to" "$RUN/$id.cache"
  cp /etc/passwd /etc/group "$to"
  printf '%s:x:%s:%s::/:/usr/sbin/nologin\n' $ENGINE_USER $ENGINE_UID $ENGINE_UID >>"$to/passwd"
  printf '%s:x:%s:\n' $ENGINE_USER $ENGINE_UID >>"$to/group"
  for file in subuid subgid; do
    printf '%s:%s:65536\n' $ENGINE_USER $FIRST_ID >"$to/$file"
  done
  [ "$kind" = rootless ] || return 0
  mkdir -p "$RUN/$id.home"
  chown $ENGINE_UID:$ENGINE_UID "$RUN/$id.home" "$CACHE/data-$id"
  for file in rootlesskit rootlesskit-docker-proxy slirp4netns newuidmap newgidmap; do
    ln -s "$(seen_cache)/rootless-$(host_codename)/usr/bin/$file" "$RUN/$id.bin/"
  done
}
# Runs a daemon detached, with the view of its kind.
with_view() { # COMMAND...
  local view home=$RUN/$id.home unpacked
  unpacked=$(seen_cache)/rootless-$(host_codename)
  case $kind in
    apart) view='mount -t tmpfs tmpfs /dev/shm' ;;
    userns | rootless)
      view="mount --bind '$CACHE' '$RUN/$id.cache'
        mount -t overlay -o 'lowerdir=$RUN/$id.etc:/etc' overlay /etc"
      ;;
    *) view= ;;
  esac
  # a network driver, or /version makes the engine panic (28.5); a /run of its own, since what other
  # engines have there is not to be written; and /dev/net/tun may be root's alone
  # shellcheck disable=SC2016 # for the inner shell
  [ "$kind" != rootless ] || set -- \
    setpriv --reuid $ENGINE_UID --regid $ENGINE_UID --clear-groups \
    env -i PATH="$PATH" HOME="$home" XDG_RUNTIME_DIR="$home" \
    LD_LIBRARY_PATH="$unpacked/usr/lib/$(uname -m)-linux-gnu" \
    rootlesskit --state-dir="$home/rootlesskit" --net=slirp4netns \
    --disable-host-loopback --copy-up=/run --copy-up=/etc \
    sh -c 'rm -f /run/docker /run/containerd && exec "$@"' sh "$@"
  # shellcheck disable=SC2016
  [ "$kind" != rootless ] || view+='
    mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200'
  [ -z "$view" ] || set -- unshare --mount --propagation private \
    sh -ec "$view; exec \"\$@\"" sh "$@"
  setsid -f "$@"
}
