#!/bin/sh
# Builds the addon and the keeper. One build at a time: two makes in one folder would overwrite each other's objects.
# Run it as `npm run build:native`: npm tells node-gyp where the headers of this Node are.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build
exec 9>build/.lock
flock 9
node-gyp configure --loglevel=warn
# A file that does not compile must not keep the other product from being built.
export MAKEFLAGS=k
exec node-gyp build --loglevel=warn -j 2
