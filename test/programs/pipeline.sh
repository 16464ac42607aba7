#!/bin/bash
# A shell with a pipeline of children that never stops: numbers go through three programs into a file, each exactly once and
# in order. The shell itself has a trap and variables. argv[1] is the file; SIGUSR1 asks for an end.
out=$1
stopping=no
trap 'stopping=yes' USR1
numbers() {
  local i=0
  while [ ! -e "$out.stop" ]; do
    i=$((i + 1))
    echo "$i"
    sleep 0.005
  done
}
numbers | while read -r n; do echo "$n $((n * n))"; done | sed -u 's/$/ end/' >"$out" &
echo ready
while [ $stopping = no ]; do
  sleep 0.2 & # children that are born and die
  wait -n $!
done
: >"$out.stop"
wait
echo ok
