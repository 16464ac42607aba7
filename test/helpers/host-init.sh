#!/bin/bash
# The init of one host: prepares its mounts and names, then lives until it is killed, and reaps orphans meanwhile (bash does in
# its SIGCHLD handler). PIDs begin at another number on every host, so that a tree's PIDs are free elsewhere; a test
# that wants a collision makes it.
n=$1 id=$2 scratch=$3
mkdir -p /run/godwit
mount -t tmpfs -o mode=0755 "godwit-$id" /run/godwit || exit 1
# So are the names of network namespaces.
mkdir -p /run/netns
mount -t tmpfs -o mode=0755 "godwit-$id" /run/netns || exit 1
# Numbers of pseudoterminals are counted by devpts: each host has its own.
mount -t devpts -o mode=0620,ptmxmode=0666 "godwit-$id" /dev/pts || exit 1
# ICMP echo sockets for everybody: a network namespace begins with nobody.
echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range
hostname "h$n-$id"
echo $((n * 8000 - 7000)) >/proc/sys/kernel/ns_last_pid
mkfifo "$scratch/.h$n.hold"
exec 0<>"$scratch/.h$n.hold"
: >"$scratch/.h$n.ready"
while :; do read -r _; done
