# Shared by .ci/run and .ci/full: installing peers, running steps, and the last line.

export CI=true DEBIAN_FRONTEND=noninteractive NO_COLOR=1 npm_config_fund=false npm_config_audit=false npm_config_update_notifier=false
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# name, then a command: runs it, and notes whether it passed.
step() {
  local name=$1 began=$SECONDS
  shift
  echo "=== $name"
  if "$@"; then
    echo "passed $name" >>"$results/steps"
    echo "=== $name: passed, $((SECONDS - began)) s"
  else
    echo "failed $name" >>"$results/steps"
    echo "=== $name: FAILED, $((SECONDS - began)) s"
    return 1
  fi
}

skip() {
  echo "=== $1: skipped, $2"
  echo "skipped $1" >>"$results/steps"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Programs that tests and benchmarks stand beside, and the Debian packages that hold them; arguments name more of them.
peers() {
  local missing=() pair
  for pair in nsd:nsd dig:bind9-dnsutils kdig:knot-dnsutils dnsperf:dnsperf unbound:unbound dnsdist:dnsdist \
    named:bind9 kresd:knot-resolver curl:curl chromium:chromium redis-server:redis-server caddy:caddy \
    prometheus:prometheus "$@"; do
    PATH="$PATH:/usr/sbin" command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  if [ ${#missing[@]} = 0 ]; then
    echo "peers: all installed"
    return
  fi
  if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
    echo "peers: ${missing[*]} cannot be installed here (needs apt-get and root); what needs them is skipped"
    return
  fi
  echo "peers: installing ${missing[*]}"
  # Packages that are daemons start themselves on installation: this one answer keeps them all from it.
  local policy=/usr/sbin/policy-rc.d made=no package
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy" && made=yes
  fi
  local apt=(env DEBIAN_FRONTEND=noninteractive timeout 240 apt-get -q -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=60)
  as_root "${apt[@]}" update >"$results/apt.log" 2>&1 || echo "peers: apt-get update failed; trying with what is known"
  if ! as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >>"$results/apt.log" 2>&1; then
    for package in "${missing[@]}"; do
      as_root "${apt[@]}" install -y --no-install-recommends "$package" >>"$results/apt.log" 2>&1 ||
        echo "peers: $package could not be installed; what needs it is skipped"
    done
  fi
  [ "$made" = yes ] && as_root rm -f "$policy"
  return 0
}

# `npm test` and what more is to be passed to vitest; the counts are kept for the last line.
tests() {
  npm test -- --reporter=default --reporter=json --outputFile.json="$results/vitest-$1.json" "${@:2}"
}

# Prints the last line, and ends with its verdict.
finish() {
  node scripts/summary.mjs "$results"
  exit $?
}
