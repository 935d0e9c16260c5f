#!/bin/sh
# setup.sh - what a fresh clone needs before anything else: node_modules, and the Debian packages of the
# tests. Says nothing when all is there.
#
# Runs under whatever Node the machine has; npm's scripts that follow find Node 24 in node_modules/.bin.
set -eu
cd "$(dirname "$0")/.."

install() {
  # without the node_modules/.bin that npm puts first: npm would run on a Node that it is removing
  PATH=$(printf %s "$PATH" | tr : '\n' | grep -v '/node_modules/\.bin$' | paste -sd: -)
  set -- npm ci --include=dev --no-audit --no-fund --no-update-notifier --loglevel=error
  # npm leaves out an optional package that does not support the Node it runs on, and so the native
  # parts of the linter and of vitest: on a Node before 20.19, npm and Node for this one run come by npx
  if ! node -e '[a, b] = process.versions.node.split("."); process.exit(a * 100 + b * 1 < 2019 ? 1 : 0)'; then
    set -- npx --yes --loglevel=error -p node@24 -p npm@11 "$@"
  fi
  "$@" >&2
}

# npm writes node_modules/.package-lock.json as the last step of each install
installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ package-lock.json -nt "$installed" ]; then
  echo "setup: installing node_modules with npm ci" >&2
  (install)
fi
[ -x node_modules/.bin/node ] || {
  echo "setup: node_modules has no Node 24 (package node): npm ci went wrong" >&2
  exit 1
}
bash test/setup/packages.sh
