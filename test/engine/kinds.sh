# shellcheck shell=bash
# kinds.sh - how the private engine of a kind is started, and what it sees of this machine. Sourced by
# engine.sh, which sets CACHE, RUN, id and kind.
#
#   apart     mounts of its own, as on another machine: files in this machine's memory are not there
#   userns    --userns-remap: root in a container is somebody else outside
#
# Users and their ranges of ids are in files that only the daemon sees, by a mount of its own.

SHIFTED_USER=sealmount-engine SHIFTED_ID=54321
SHIFTED_BASE=1100000 # the first id of the range, 65536 of them

# Where the daemon finds the cache folder: that one may be below a home that is closed to others.
seen_cache() {
  case $kind in
    userns) printf '%s' "$RUN/$id.cache" ;;
    *) printf '%s' "$CACHE" ;;
  esac
}

# Runs a command detached, with the view of its kind.
with_view() { # COMMAND...
  local prepare
  case $kind in
    apart) prepare='mount -t tmpfs tmpfs /dev/shm' ;;
    userns)
      make_users
      mkdir -p "$RUN/$id.cache"
      prepare="mount --bind '$CACHE' '$RUN/$id.cache'
        mount -t overlay -o 'lowerdir=$RUN/$id.etc:/etc' overlay /etc"
      ;;
    *) prepare= ;;
  esac
  # shellcheck disable=SC2016 # for the inner shell
  [ -z "$prepare" ] || set -- unshare --mount --propagation private \
    sh -ec "$prepare; exec \"\$@\"" sh "$@"
  setsid -f "$@"
}

# What a daemon of this kind is told besides.
kind_options() {
  [ "$kind" != userns ] || printf '%s\n' --userns-remap "$SHIFTED_USER"
}

# What lies over the machine's own /etc: one more user.
make_users() {
  local to=$RUN/$id.etc file
  rm -rf "$to"
  mkdir "$to"
  cp /etc/passwd /etc/group "$to"
  printf '%s:x:%s:%s::/:/usr/sbin/nologin\n' $SHIFTED_USER $SHIFTED_ID $SHIFTED_ID >>"$to/passwd"
  printf '%s:x:%s:\n' $SHIFTED_USER $SHIFTED_ID >>"$to/group"
  for file in subuid subgid; do
    printf '%s:%s:65536\n' $SHIFTED_USER $SHIFTED_BASE >"$to/$file"
  done
}
