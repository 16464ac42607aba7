#!/bin/bash
# Empties a host before maintenance: moves every tree given, two at a time, and stops at the first doubt. Built on nothing but
# `godwit migrate --json` and its exit codes (docs/operations.md).
#
#   evacuate.sh --to host:port [--parallel N] PID... [-- arguments of migrate]
#
# GODWIT names the command (default: godwit). Exit code: 0 all moved · 1 some did not, and still run here · 2 usage · 4 in doubt:
# one migration ended without an answer which side owns the tree; nothing further was started, look at it with `godwit resolve`.
set -u

usage() {
  echo "usage: ${0##*/} --to host:port [--parallel N] PID... [-- arguments of migrate]" >&2
  exit 2
}

to='' parallel=2 trees=() extra=()
while [ $# -gt 0 ]; do
  case $1 in
    --to) to=${2-}; shift 2 || usage ;;
    --parallel) parallel=${2-}; shift 2 || usage ;;
    --) shift; extra=("$@"); break ;;
    *[!0-9]* | '') usage ;;
    *) trees+=("$1"); shift ;;
  esac
done
[ -n "$to" ] && [ ${#trees[@]} -gt 0 ] && [[ $parallel =~ ^[1-9][0-9]*$ ]] || usage

read -ra godwit <<<"${GODWIT:-godwit}"
reports=$(mktemp -d) || exit 1
trap 'rm -rf "$reports"' EXIT
stopping=''
trap 'stopping="stopped by a signal"' INT TERM HUP # migrate gets it too and cancels; what has moved has moved

declare -A tree_of=() # the tree that a job moves
moved=() failed=() refused=() doubtful=()

# A number or a text of the closing report of a tree, or of the error in its place.
number() {
  sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$reports/$1.json" | tail -n 1
}
text() {
  sed -n "s/.*\"$2\":\"\(\([^\"\\\\]\|\\\\.\)*\)\".*/\1/p" "$reports/$1.json" | tail -n 1
}
reason() {
  local words
  words=$(text "$1" message)
  [ -n "$words" ] || words=$(text "$1" reason)
  [ -n "$words" ] || words=$(tail -n 1 "$reports/$1.err")
  echo "${words:-no reason given, see exit code $2}"
}

start() {
  "${godwit[@]}" migrate --pid "$1" --to "$to" --json "${extra[@]}" >"$reports/$1.json" 2>"$reports/$1.err" </dev/null &
  tree_of[$!]=$1
  echo "$1: on its way to $to"
}

# Waits for one job and files it under what its exit code says.
finish() {
  local job code tree
  wait -n -p job "${!tree_of[@]}"
  code=$?
  [ -n "${job-}" ] || return # a signal came first
  tree=${tree_of[$job]}
  unset "tree_of[$job]"
  case $code in
    0) moved+=("$tree"); echo "$tree: moved, downtime $(number "$tree" downtime) ms of $(number "$tree" total-time) ms" ;;
    3) refused+=("$tree"); echo "$tree: refused, still runs here: $(reason "$tree" $code)" ;;
    4) doubtful+=("$tree"); stopping="tree $tree is in doubt"; echo "$tree: IN DOUBT: $(reason "$tree" $code)" ;;
    *) failed+=("$tree"); echo "$tree: failed ($code), still runs here: $(reason "$tree" $code)" ;;
  esac
}

waiting=("${trees[@]}")
while [ ${#waiting[@]} -gt 0 ] && [ -z "$stopping" ]; do
  if [ ${#tree_of[@]} -lt "$parallel" ]; then
    start "${waiting[0]}"
    waiting=("${waiting[@]:1}")
  else
    finish
  fi
done
while [ ${#tree_of[@]} -gt 0 ]; do finish; done

echo
echo "moved:       ${#moved[@]} ${moved[*]-}"
echo "refused:     ${#refused[@]} ${refused[*]-}"
echo "failed:      ${#failed[@]} ${failed[*]-}"
echo "in doubt:    ${#doubtful[@]} ${doubtful[*]-}"
echo "not started: ${#waiting[@]} ${waiting[*]-}${stopping:+ ($stopping)}"
[ ${#doubtful[@]} -gt 0 ] && exit 4
[ ${#moved[@]} -eq ${#trees[@]} ] || exit 1
