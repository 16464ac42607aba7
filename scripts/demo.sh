#!/bin/sh
# `npm run demo [-- --mib N] [-- --workload]`: works on a fresh clone. Installs and builds what is missing, then see bench/demo.ts.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
exec node --import tsx bench/demo.ts "$@"
