#!/bin/sh
# fetch.sh FOLDER: brings what the virtual machines are made of into FOLDER, from Debian's packages alone: qemu, virtiofsd, two
# or three kernels and busybox. Nothing but libraries is installed. Quick when all is there; a package that is missing is
# fetched again. The other suites lie on the mirror that apt is set up with; its address is asked for and written nowhere.
#   qemu       from the backports: the stable one corrupts memory of 6.12 guests (7 of 12 boots)
#   virtiofsd  from the stable qemu-system-common, the last one that has it in C
# Exit code 3: this machine cannot have them.
set -eu
folder=$1
mkdir -p "$folder"
cd "$folder"
folder=$PWD
no() {
  echo "$1" >&2
  exit 3
}
[ "$(id -u)" = 0 ] || no 'installing libraries of qemu needs root'
command -v apt-get >/dev/null || no 'there is no apt here'
. /etc/os-release
[ "${VERSION_CODENAME:-}" = bookworm ] || no 'the packages are those of Debian 12'

# unpacked NAME PACKAGE...: a folder from packages that lie in ./debs, made in one step.
unpacked() {
  name=$1
  shift
  rm -rf "$name.new"
  for package in "$@"; do
    dpkg-deb -x "$(ls -t debs/"$package"_*.deb | head -n 1)" "$name.new"
  done
  mv "$name.new" "$name"
}
# An apt command with lists of its own, so that this machine's apt is not changed.
other() {
  command=$1
  shift
  "$command" -o "Dir::Etc::sourcelist=$folder/apt/sources" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$folder/apt/lists" -o "Dir::Cache=$folder/apt/cache" -q "$@"
}
kernel_of() { awk '/^ *Depends: linux-image-/ { print $2; exit }'; }

if [ ! -e complete ]; then
  mkdir -p apt/lists/partial apt/cache/archives/partial debs
  : >apt.log
  apt-cache show qemu-system-x86 >/dev/null 2>&1 || apt-get update -q >>apt.log 2>&1 || no 'apt-get update does not work'
  mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(CREATED_BY)' |
    awk -v suite="$VERSION_CODENAME" '$2 == suite && $3 == "Packages" { print $1; exit }')
  [ -n "$mirror" ] || no 'apt knows no mirror of Debian'
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$key] $mirror $VERSION_CODENAME-backports main" >apt/sources
  other apt-get update >>apt.log 2>&1 || no 'the backports cannot be had'
  libraries=$(apt-get -s install --no-install-recommends qemu-system-x86 2>>apt.log |
    awk '$1 == "Inst" && $2 !~ /^(qemu|seabios|ipxe)/ { print $2 }')
  # shellcheck disable=SC2086
  [ -z "$libraries" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $libraries >>apt.log 2>&1 ||
    no 'the libraries of qemu cannot be installed'
  backport=$VERSION_CODENAME-backports
  old=$(apt-cache depends linux-image-cloud-amd64 | kernel_of)
  new=$(other apt-cache depends "linux-image-cloud-amd64/$backport" | kernel_of)
  # shellcheck disable=SC2046
  (
    cd debs &&
      apt-get download -q qemu-system-common busybox-static "$old" && mv qemu-system-common_*.deb ../virtiofsd.deb &&
      other apt-get download "$new" $(printf "%s/$backport " qemu-system-x86 qemu-system-common qemu-system-data seabios)
  ) >>apt.log 2>&1 || no 'a package cannot be had'
  rm -rf qemu virtiofsd busybox linux-6.1 linux-6.12
  unpacked qemu qemu-system-x86 qemu-system-common qemu-system-data seabios
  unpacked busybox busybox-static
  unpacked linux-6.1 "$old"
  unpacked linux-6.12 "$new"
  dpkg-deb -x virtiofsd.deb virtiofsd
  rm -rf debs virtiofsd.deb apt
  : >complete
fi
for binary in qemu/usr/bin/qemu-system-x86_64 virtiofsd/usr/lib/qemu/virtiofsd; do
  ! ldd "$binary" | grep -q 'not found' || { rm -f complete && no "libraries of $binary are missing"; }
done
