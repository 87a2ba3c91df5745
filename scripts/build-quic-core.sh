#!/bin/sh
# Builds src/quic/core/ to WebAssembly, and writes src/quic/core/artefact.ts: docs/quic-core.md.
#
# usage, as root: scripts/build-quic-core.sh [--test] [FOLDER]
#
# All that it takes, compiler and crates alike, is packaged by Debian ("forky"), is installed into FOLDER (1.5 GB, made
# where it is missing) and is used there with cargo offline: two builds from the same packages are the same octets.
# --test also runs the crate's own tests, natively.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
test=no
if [ "${1:-}" = --test ]; then test=yes; shift; fi
root=${1:-$here/build-quic}
crate=$here/src/quic/core

install_chroot() {
  command -v debootstrap >/dev/null || apt-get install -y --no-install-recommends debootstrap
  # The mirror of this machine's own suite.
  mirror=$(
    . /etc/os-release
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
      awk -v suite="$VERSION_CODENAME" '$1 == suite { print $2; exit }'
  )
  # An older debootstrap has no script for forky, and sid's does.
  debootstrap --variant=minbase forky "$root" "$mirror" /usr/share/debootstrap/scripts/sid
  # The suite's Release file may be past its date on a mirror.
  chroot "$root" apt-get -o Acquire::Check-Valid-Until=false update -q
  chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    cargo rustc libstd-rust-dev libstd-rust-dev-wasm32 clang lld binaryen \
    librust-quinn-proto-dev librust-rustls-dev librust-ring-dev librust-bytes-dev
}

# Runs a command where the crate lies, always under the same path: it is part of what is built.
inside() {
  chroot "$root" env HOME=/build CARGO_HOME=/build/cargo sh -c "cd /build/core && $1"
}

[ -d "$root/usr/share/cargo/registry" ] || install_chroot
rm -rf "$root/build/core"
mkdir -p "$root/build/core"
cp -r "$crate/Cargo.toml" "$crate/Cargo.lock" "$crate/.cargo" "$crate/src" "$crate/tests" "$root/build/core/"

[ "$test" = no ] || inside 'cargo test --offline --locked'
inside 'cargo build --offline --locked --release --target wasm32-wasip1'
inside 'wasm-opt -O3 --enable-bulk-memory --enable-sign-ext --enable-nontrapping-float-to-int --enable-mutable-globals \
  target/wasm32-wasip1/release/headrace_quic.wasm -o core.wasm'
node "$here/scripts/check-quic-core.mjs" --write "$root/build/core/core.wasm"
