#!/usr/bin/env bash
# Peers that speak QUIC, which the system may not have in a version that does: two Debian roots in a folder outside the
# repository, 3 GB in all. None of their daemons is started, and the system stays as it is, debootstrap excepted.
#
#   scripts/quic-peers.sh setup    makes or completes them; needs apt-get and root, takes 5 to 20 minutes the first time
#   scripts/quic-peers.sh path     prints the folder
#   scripts/quic-peers.sh versions prints what is in it
#
# HEADRACE_PEERS is the folder (~/.cache/headrace-peers). Packages come from where this machine's own apt gets them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${HEADRACE_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/headrace-peers}

trixie=(knot knot-dnsutils python3-aioquic python3-dnspython curl nginx-light)
forky=(knot knot-dnsutils curl nginx-light haproxy golang-go golang-github-lucas-clemente-quic-go-dev golang-github-miekg-dns-dev)
programs='trixie:knotd trixie:kdig trixie:curl trixie:nginx forky:knotd forky:kdig forky:curl forky:nginx forky:haproxy'

say() { echo "quic-peers: $*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Where apt gets this machine's own release from.
mirror() {
  # shellcheck source=/dev/null
  (. /etc/os-release && apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$VERSION_CODENAME" '$1 == release { print $2; exit }')
}

# A command in a root, with /proc there: systemd-tmpfiles and the Go compiler need it.
inside() {
  local root=$folder/$1
  shift
  mountpoint -q "$root/proc" || as_root mount -t proc proc "$root/proc"
  as_root chroot "$root" "$@"
}

# debootstrap mounts it too.
unmount() {
  local mounted
  for mounted in "$folder"/{trixie,forky}/{proc,sys}; do
    if mountpoint -q "$mounted" 2>/dev/null; then as_root umount -l "$mounted" || true; fi
  done
}

# A release and its packages: makes the root, or adds to it what is missing.
root() {
  local release=$1 root=$folder/$1 script=/usr/share/debootstrap/scripts/$1
  shift
  if [ -e "$root/.complete" ] && [ "$(cat "$root/.complete")" = "$*" ]; then
    say "$release is complete"
    return
  fi
  if [ ! -e "$root/.bootstrapped" ]; then
    say "$release: bootstrapping from this machine's mirror"
    as_root rm -rf --one-file-system "$root"
    # The scripts of newer releases are links to that of sid, and an older debootstrap lacks them.
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    as_root debootstrap --variant=minbase "$release" "$root" "$(mirror)" "$script" >"$folder/$release.log" 2>&1 ||
      { tail -n 5 "$folder/$release.log"; say "$release: debootstrap failed, see $folder/$release.log"; return 1; }
    as_root touch "$root/.bootstrapped"
  fi
  say "$release: installing $*"
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$root/usr/sbin/policy-rc.d" >/dev/null
  as_root chmod 755 "$root/usr/sbin/policy-rc.d"
  # A testing release is made anew every six hours; some mirrors hold it past its date.
  local apt=(env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3)
  inside "$release" "${apt[@]}" update >>"$folder/$release.log" 2>&1
  inside "$release" "${apt[@]}" install -y --no-install-recommends "$@" >>"$folder/$release.log" 2>&1 ||
    { tail -n 5 "$folder/$release.log"; say "$release: installing failed, see $folder/$release.log"; return 1; }
  inside "$release" apt-get clean
  echo "$*" | as_root tee "$root/.complete" >/dev/null
}

# The programs over quic-go, whose source is ours. Static, so that they run from anywhere.
build_go() {
  local source=$here/../test/fixtures/quic-go root=$folder/forky sum
  sum=$(cat "$source"/*.go | sha256sum)
  if [ "$(cat "$folder/quic-go.sum" 2>/dev/null)" = "$sum" ]; then
    say "quic-go's programs are built"
    return
  fi
  say "building the programs over quic-go"
  as_root mkdir -p "$root/build/quic-go" "$folder/bin"
  as_root cp "$source"/*.go "$root/build/quic-go/"
  inside forky env GO111MODULE=off CGO_ENABLED=0 GOPATH=/usr/share/gocode GOCACHE=/build/cache HOME=/build \
    sh -c 'cd /build/quic-go && for name in doq-server doq-client; do go build -o "$name" "$name.go" || exit 1; done'
  as_root cp "$root/build/quic-go/doq-server" "$root/build/quic-go/doq-client" "$folder/bin/"
  echo "$sum" | as_root tee "$folder/quic-go.sum" >/dev/null
}

setup() {
  command -v apt-get >/dev/null || { say 'needs apt-get'; exit 1; }
  as_root true 2>/dev/null || { say 'needs root'; exit 1; }
  [ -n "$(mirror)" ] || { say 'apt has no index of this release; apt-get update makes it'; exit 1; }
  mkdir -p "$folder"
  if ! PATH="$PATH:/usr/sbin" command -v debootstrap >/dev/null; then
    say 'installing debootstrap'
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends debootstrap >"$folder/debootstrap.log" 2>&1 ||
      { tail -n 5 "$folder/debootstrap.log"; exit 1; }
  fi
  trap unmount EXIT
  root trixie "${trixie[@]}"
  root forky "${forky[@]}"
  build_go
  say "complete in $folder"
}

versions() {
  local pair release name
  for pair in $programs; do
    release=${pair%%:*} name=${pair##*:}
    [ -e "$folder/$release/.complete" ] || continue
    dpkg-query --admindir="$folder/$release/var/lib/dpkg" -W -f "$release \${Package} \${Version}\n" "$(package "$name")"
  done
  [ -e "$folder/trixie/.complete" ] && dpkg-query --admindir="$folder/trixie/var/lib/dpkg" -W -f 'trixie ${Package} ${Version}\n' python3-aioquic python3-dnspython
  [ -e "$folder/forky/.complete" ] && dpkg-query --admindir="$folder/forky/var/lib/dpkg" -W -f 'forky ${Package} ${Version}\n' golang-github-lucas-clemente-quic-go-dev golang-github-miekg-dns-dev
}

package() {
  case $1 in knotd) echo knot ;; kdig) echo knot-dnsutils ;; *) echo "$1" ;; esac
}

case ${1:-} in
setup) setup ;;
path) echo "$folder" ;;
versions) versions ;;
*)
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
  exit 2
  ;;
esac
