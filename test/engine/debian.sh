# shellcheck shell=bash
# debian.sh - Debian packages without installing them: download, check, unpack. Sourced by engine.sh,
# base-images.sh and podman.sh, which set CACHE (a folder), say() and die().
#
# Every path of apt's own state is a private one below $CACHE/apt, so that the machine's package
# lists, its pinning and its locks are neither used nor changed. Packages stay signature-checked.

host_codename() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

# The Debian archive this machine's apt is set up with, in whatever format its sources are written.
debian_uri() {
  if [ -s "$CACHE/apt/uri" ]; then
    cat "$CACHE/apt/uri"
    return
  fi
  # an empty lists folder: needs no earlier `apt-get update`, and apt has nothing to parse
  mkdir -p "$CACHE/apt/none/partial"
  local uri
  uri=$(
    apt-get -o Dir::State::lists="$CACHE/apt/none" indextargets --no-release-info \
      --format '$(RELEASE)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
      awk -F'|' -v codename="$(host_codename)" '
        ($1 == codename || $1 ~ /^(old)*stable$/) && $2 == "main" {
          if ($3 ~ /\/debian\/?$/) { if (!archive) archive = $3 } else if (!other) other = $3
        }
        END { print archive ? archive : other }'
  )
  [ -n "$uri" ] && printf '%s' "$uri" | tee "$CACHE/apt/uri"
}

# apt_options SUITE: sets the array APT
apt_options() {
  local dir=$CACHE/apt/$1
  APT=(
    -q -y
    -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=-
    -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=-
    -o Dir::State::lists="$dir/lists" -o Dir::State::status="$dir/status"
    -o Dir::Cache::archives="$dir/archives"
    -o Dir::Cache::pkgcache="$dir/pkgcache.bin" -o Dir::Cache::srcpkgcache= # half the CPU time
    -o Acquire::Check-Valid-Until=false # a mirror may be weeks behind; signatures are still checked
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root
    -o APT::Update::Post-Invoke-Success= -o APT::Update::Post-Invoke= -o Debug::NoLocking=1
  )
}

# apt_update SUITE [force]: fetches the suite's signed package index, at most twice a day
apt_update() {
  local suite=$1 dir=$CACHE/apt/$1 uri key=
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  apt_options "$suite"
  if [ -z "${REFRESH:-}${2:-}" ] && [ -n "$(find "$dir/updated" -mmin -720 2>/dev/null)" ]; then
    return 0
  fi
  uri=$(debian_uri) || die "no Debian archive among apt's sources"
  mkdir -p "$dir/lists/partial" "$dir/archives/partial"
  : >"$dir/status"
  [ ! -r $keyring ] || key=" signed-by=$keyring"
  printf 'deb [arch=%s%s] %s %s main\n' "$(dpkg --print-architecture)" "$key" "$uri" "$suite" \
    >"$dir/sources.list"
  if ! apt-get "${APT[@]}" update >"$dir/update.log" 2>&1 || grep -qE '^(E|Err):?' "$dir/update.log"; then
    tail -3 "$dir/update.log" >&2
    die "the package index of $suite could not be fetched"
  fi
  touch "$dir/updated"
}

# unpack SUITE FOLDER PACKAGE...: unpacks below FOLDER and lists name and version in FOLDER/PACKAGES
unpack() {
  local suite=$1 to=$2 temp deb
  shift 2
  apt_options "$suite"
  temp=$(mktemp -d "$CACHE/debs.XXXXXX")
  if ! (cd "$temp" && apt-get "${APT[@]}" download "$@" >log 2>&1); then
    apt_update "$suite" force # the index can be older than the archive
    if ! (cd "$temp" && apt-get "${APT[@]}" download "$@" >log 2>&1); then
      tail -3 "$temp/log" >&2
      rm -rf "$temp"
      die "could not download $* from $suite"
    fi
  fi
  mkdir -p "$to"
  for deb in "$temp"/*.deb; do
    dpkg -x "$deb" "$to"
    # shellcheck disable=SC2016 # dpkg's own placeholders
    dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb" >>"$to/PACKAGES"
  done
  rm -rf "$temp"
}

# A folder is filled beside its place and moved there whole, so that a kill leaves no half of one.
finish() {
  rm -rf "$1.new/usr/share" "$1"
  touch "$1.new/.ok"
  mv "$1.new" "$1"
}

works() { "$@" >/dev/null 2>&1; }
