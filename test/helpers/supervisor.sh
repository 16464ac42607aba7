#!/bin/bash
# Holds the hosts of one test and outlives it by the time it needs to clean up. It lives in a network namespace of its own that
# holds the bridge, prints "ready <pid of host 1> <pid of host 2> ..." and ends when its stdin closes, that is also when the
# test process is killed. If it is killed itself, the hosts die with it (parent-death signals) and the links with its namespace.
# Arguments: id, first three bytes of the subnet, number of hosts, scratch directory, PID in the client's network namespace,
# name of the client's interface, cgroup, directory of host-init.sh.
set -uo pipefail
id=$1 subnet=$2 count=$3 scratch=$4 client=$5 uplink=$6 cgroup=$7 here=$8
inits=()
# Descriptors that whoever started the test left open must not be seen in the hosts.
for fd in /proc/self/fd/*; do
  fd=${fd##*/}
  [ "$fd" -gt 2 ] && [ "$fd" -ne 255 ] && eval "exec $fd>&-"
done
launchers=()

cleanup() {
  trap '' HUP INT TERM
  exec 2>/dev/null # the shell tells of every host that it kills
  [ ${#inits[@]} -gt 0 ] && kill -KILL "${inits[@]}" 2>/dev/null
  [ ${#launchers[@]} -gt 0 ] && kill -KILL "${launchers[@]}" 2>/dev/null
  local cg try
  while read -r cg; do
    [ -e "$cg/cgroup.kill" ] && echo 1 >"$cg/cgroup.kill"
  done < <(find "$cgroup" -depth -type d 2>/dev/null)
  wait
  ip link del up0 2>/dev/null
  for try in $(seq 100); do
    [ -d "$cgroup" ] || break
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.05
  done
  rm -rf "$scratch"
}
fail() {
  echo "failed: $1"
  cleanup
  exit 1
}
trap 'cleanup; exit 0' HUP INT TERM

ip link set lo up || fail 'no loopback'
ip link add br0 type bridge || fail 'no bridge'
ip link set br0 up
ip link add "$uplink" type veth peer name up0 || fail 'no veth'
ip link set up0 master br0 up
ip link set "$uplink" netns "$client" || fail 'the uplink does not go into the namespace of the client'
nsenter -t "$client" -n ip addr add "$subnet.254/24" dev "$uplink" || fail 'no address for the client'
nsenter -t "$client" -n ip link set "$uplink" up

for n in $(seq "$count"); do
  mkdir -p "$cgroup/h$n" || fail 'no cgroup'
  (
    echo $BASHPID >"$cgroup/h$n/cgroup.procs"
    exec setpriv --pdeathsig KILL unshare --net --pid --mount --uts --ipc --time --monotonic $((n * n * 1000 + n * 7)) \
      --boottime $((n * n * 5000 + n * 11)) --propagation private --fork --kill-child --mount-proc \
      bash "$here/host-init.sh" "$n" "$id" "$scratch"
  ) </dev/null >>"$scratch/init.log" 2>&1 &
  launchers+=($!)
done

for n in $(seq "$count"); do
  for try in $(seq 200); do
    [ -e "$scratch/.h$n.ready" ] && break
    kill -0 "${launchers[$((n - 1))]}" 2>/dev/null || break
    sleep 0.02
  done
  [ -e "$scratch/.h$n.ready" ] || fail "host $n does not start: $(cat "$scratch/init.log")"
  init=$(pgrep -P "${launchers[$((n - 1))]}")
  inits+=("$init")
  ip link add "h$n" type veth peer name eth0 netns "$init" || fail "no link to host $n"
  ip link set "h$n" master br0 up
  nsenter -t "$init" -n ip addr add "$subnet.$n/24" dev eth0 || fail "no address for host $n"
  nsenter -t "$init" -n ip link set eth0 up
  nsenter -t "$init" -n ip link set lo up
done
echo "ready ${inits[*]}"

while read -r _; do :; done
cleanup
