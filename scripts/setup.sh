#!/bin/sh
# Everything that a fresh clone needs, from nothing to built: Debian packages, npm packages, the native part, dist/.
# Quick when all is there. Packages are installed only by root and with apt; else what is missing is named.
# Preconditions: Node >= 20.19 and npm.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build
exec 8>build/.setup.lock
flock 8

# binary or file : package. Without the first group nothing can be built; without the second, tests are skipped;
# without the third, `npm run check` fails in the step that needs it.
needed='/usr/bin/g++:g++ /usr/bin/make:make /usr/bin/python3:python3 /usr/include/xxhash.h:libxxhash-dev
  /usr/include/lz4.h:liblz4-dev /usr/include/zstd.h:libzstd-dev'
tests='/usr/bin/redis-server:redis-server /usr/bin/redis-cli:redis-tools /usr/sbin/nginx:nginx /usr/bin/wrk:wrk
  /usr/bin/stress-ng:stress-ng /usr/bin/ip:iproute2 /usr/sbin/nft:nftables /usr/bin/nc:netcat-openbsd
  /usr/bin/gdb:gdb /usr/bin/strace:strace /usr/lib/postgresql:postgresql'
lint='/usr/bin/clang-format-19:clang-format-19 /usr/bin/clang-tidy-19:clang-tidy-19'

missing() {
  for pair in "$@"; do
    [ -e "${pair%%:*}" ] || { [ "${pair%%:*}" = /usr/bin/ip ] && [ -e /usr/sbin/ip ]; } || printf '%s ' "${pair##*:}"
  done
}

# Daemons must not be started by being installed: the tests start their own, on ports and in namespaces of their own.
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
  fi
  # One package that cannot be had must not keep the others from coming.
  # shellcheck disable=SC2086
  apt-get install -y -q --no-install-recommends "$@" >build/apt.log 2>&1 && return 0
  apt-get update -q >build/apt.log 2>&1 || true
  apt-get install -y -q --no-install-recommends "$@" >>build/apt.log 2>&1 && return 0
  for package in "$@"; do
    apt-get install -y -q --no-install-recommends "$package" >>build/apt.log 2>&1 || true
  done
}

# shellcheck disable=SC2086
wanted=$(missing $needed $tests $lint)
if [ -n "$wanted" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing $wanted"
    # shellcheck disable=SC2086
    apt_install $wanted
  fi
  # shellcheck disable=SC2086
  wanted=$(missing $needed $tests $lint)
  [ -z "$wanted" ] || echo "setup: not installed: $wanted(as root: apt-get install $wanted); tests that need them are skipped" >&2
  # shellcheck disable=SC2086
  if [ -n "$(missing $needed)" ]; then
    echo "setup: cannot build without: $(missing $needed)" >&2
    exit 1
  fi
fi

node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' || {
  echo "setup: Node $(node -v) is too old: 20.19 or later is needed" >&2
  exit 1
}
if ! node scripts/installed.mjs; then
  echo "setup: npm ci"
  npm ci --ignore-scripts --include=dev --no-audit --no-fund --loglevel=error
fi
npm run -s build
