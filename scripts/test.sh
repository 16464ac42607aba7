#!/bin/sh
# `npm test [-- stage|file...]`: works on a fresh clone; see scripts/test.mjs for what is run.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
exec node scripts/test.mjs "$@"
