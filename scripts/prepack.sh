#!/bin/sh
# Before `npm pack`: builds, and puts the two products where node-gyp-build and src/keeper look for them in a package
# without build/. One N-API 9 binary serves Node 20 and later; glibc in its name keeps it off musl systems.
set -eu
cd "$(dirname "$0")/.."
npm run -s build >&2
out=prebuilds/linux-x64
rm -rf prebuilds
mkdir -p $out
strip --strip-unneeded -o $out/godwit.glibc.node build/Release/godwit.node
strip -o $out/godwit-keeper build/Release/godwit-keeper
chmod 755 $out/godwit-keeper $out/godwit.glibc.node
for bin in dist/cli/godwit.js dist/cli/migrate-bin.js dist/cli/receive-bin.js; do
  [ ! -e $bin ] || chmod 755 $bin
done
