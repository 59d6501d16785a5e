#!/usr/bin/env bash
# Shows that a fresh clone works with nothing but Node and npm on the machine: clones this repository, and runs commands
# with Node 20, 22 and 24 as the host, as root and as an ordinary user, each with empty caches.
#
#   scripts/fresh-clone.sh [COMMAND]      default: npm test
#
# Switching users needs root; without it only the current user is shown.
set -euo pipefail

command=${1:-npm test}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
registry=$(npm config get registry)
npm_cli=$(dirname "$(readlink -f "$(command -v npm)")")
platform="$(uname -s | tr '[:upper:]' '[:lower:]')-$([ "$(uname -m)" = x86_64 ] && echo x64 || echo arm64)"
cp -rL "$npm_cli/.." "$work/npm"

users=("$(id -un)")
if [ "$(id -u)" = 0 ]; then users+=(nobody); fi

failed=0
for version in 20 22 24; do
  npm install --silent --no-save --prefix "$work/node$version" "node-$platform@$version" >/dev/null
  bin=$(dirname "$(find "$work/node$version" -path '*/bin/node' | head -n 1)")
  printf '#!/bin/sh\nexec "%s/node" "%s/npm/bin/npm-cli.js" "$@"\n' "$bin" "$work" >"$bin/npm"
  printf '#!/bin/sh\nexec "%s/node" "%s/npm/bin/npx-cli.js" "$@"\n' "$bin" "$work" >"$bin/npx"
  chmod -R a+rX "$work"
  chmod 755 "$bin/npm" "$bin/npx"
  for user in "${users[@]}"; do
    home="$work/home-$version-$user"
    git clone --quiet "$here" "$home/tidemark"
    as=()
    if [ "$user" != "$(id -un)" ]; then
      chown -R "$user" "$home"
      as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
    fi
    log="$work/log"
    started=$SECONDS
    if (cd "$home/tidemark" && "${as[@]}" env -i HOME="$home" PATH="$bin:/usr/bin:/bin" \
      npm_config_registry="$registry" NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-}" CI=true sh -c "$command") >"$log" 2>&1; then
      echo "ok      node $("$bin/node" --version), $user: $command ($((SECONDS - started)) s)"
    else
      failed=1
      echo "FAILED  node $("$bin/node" --version), $user: $command ($((SECONDS - started)) s)"
      tail -n 40 "$log"
    fi
    rm -rf "$home"
  done
done
exit "$failed"
