#!/bin/sh
# `npm run test:sanitize`: the native tests and those of the kernel layer with the addon under AddressSanitizer and
# UndefinedBehaviorSanitizer. In a copy of the tree, because its build/ is another.
# Not under the sanitizers: the keeper (static), and what runs inside traced processes (the stub).
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
copy=$(mktemp -d "${TMPDIR:-/tmp}/godwit-sanitize.XXXXXX")
trap 'rm -rf "$copy"' EXIT INT TERM
cp -r native src test scripts types package.json tsconfig*.json binding.gyp "$copy/"
ln -s "$PWD/node_modules" "$copy/node_modules"
[ ! -d dist ] || cp -r dist "$copy/"
flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g'
(cd "$copy" && GODWIT_SANITIZE="$flags" npm run -s build:native)
# Leaks are not looked for: the leak check needs ptrace itself, and Node never frees what lives as long as it does.
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1
# Node is not linked with the sanitizer; its runtime has to come first.
GODWIT_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
export GODWIT_PRELOAD
cd "$copy"
node scripts/test.mjs "${@:-native}"
