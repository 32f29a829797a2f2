#!/usr/bin/env bash
# Installs what the tests on real machines need, on Debian 12, as root. What is
# there already is left alone; no service is started or enabled.
set -euo pipefail

# libvirt and QEMU: the pair Debian 12 made for each other. A newer QEMU from
# backports does not start domains for this libvirt, and a newer qemu-utils alone
# keeps QEMU 7.2 from being installed: so both are named, and may go back.
packages=(
  libvirt-daemon-system libvirt-clients
  'qemu-system-x86=1:7.2*' 'qemu-system-common=1:7.2*' 'qemu-system-data=1:7.2*'
  'qemu-utils=1:7.2*' 'seabios=1.16.2*' ovmf
  dnsmasq-base iptables iproute2 procps util-linux openssh-client curl socat
  # A cluster without guests.
  ganeti
  # Building the guest: a disk image without loop devices or mounts.
  grub-pc-bin grub-efi-amd64-bin grub-common e2fsprogs fdisk lz4 mtools mmdebstrap
)

there() {
  local package name version
  for package in "${packages[@]}"; do
    name=${package%%=*} version=
    [[ $package != *=* ]] || version=${package#*=}
    # shellcheck disable=SC2053  # the version is a pattern
    [[ $(dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$name" 2>/dev/null) == ii\ ${version:-*} ]] || return 1
  done
}

if there; then
  echo 'Everything is installed.'
  exit 0
fi
# Left over from backports, this one holds qemu-utils back.
if dpkg-query -W -f '${db:Status-Abbrev}' qemu-block-extra 2>/dev/null | grep -q '^ii'; then
  packages+=('qemu-block-extra=1:7.2*')
fi

# Debian starts services when they are installed, unless this says no. The tests
# bring their own daemons, and the machine is to stay as it was.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -q -o DPkg::Lock::Timeout=600)
"${apt[@]}" update
"${apt[@]}" install --yes --no-install-recommends --allow-downgrades "${packages[@]}"
