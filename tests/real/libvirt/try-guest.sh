#!/usr/bin/env bash
# try-guest.sh IMAGE: boots a guest with a seed such as Innkeeper makes, with BIOS
# and with UEFI; logs in, looks around, and presses its power button. Needs the
# variables that start.sh prints.
set -euo pipefail

image=$(realpath "$1")
: "${INNKEEPER_LIBVIRT_URI:?start.sh tells it}" "${INNKEEPER_LIBVIRT_IN_NET:?start.sh tells it}"
work=$(mktemp -d)
v() { virsh -q -c "$INNKEEPER_LIBVIRT_URI" "$@"; }
cleanup() {
  v destroy try-guest >/dev/null 2>&1 || true
  v undefine --nvram try-guest >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

ssh-keygen -q -t ed25519 -N '' -C alice -f "$work/user"
ssh-keygen -q -t ed25519 -N '' -C host -f "$work/host"
json() { sed ':a; N; $!ba; s/\\/\\\\/g; s/"/\\"/g; s/\n/\\n/g' "$1"; }
cat >"$work/user-data" <<C
#cloud-config
{
  "disable_root": false,
  "hostname": "try-guest",
  "ssh_keys": {
    "ed25519_private": "$(json "$work/host")\n",
    "ed25519_public": "$(cat "$work/host.pub")"
  },
  "users": [
    {
      "name": "root",
      "ssh_authorized_keys": [
        "$(cat "$work/user.pub")"
      ]
    }
  ],
  "write_files": [
    {
      "content": "This is \"alice\"'s, until Friday.\n",
      "path": "/etc/motd"
    }
  ]
}
C
printf 'instance-id: try-guest-1\nlocal-hostname: try-guest\n' >"$work/meta-data"
printf 'version: 2\nethernets:\n  eth0:\n    dhcp4: true\n' >"$work/network-config"
truncate -s 1M "$work/seed"
mformat -v CIDATA -i "$work/seed" ::
mcopy -i "$work/seed" "$work"/{user-data,meta-data,network-config} ::

kind=qemu
v domcapabilities --virttype kvm >/dev/null 2>&1 && kind=kvm
for firmware in bios efi; do
  start=$SECONDS
  qemu-img create -q -f qcow2 -F qcow2 -b "$image" "$work/disk" 2G
  cat >"$work/domain.xml" <<C
<domain type='$kind'>
  <name>try-guest</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>
  <os $([ $firmware = bios ] || echo "firmware='efi'")><type arch='x86_64' machine='q35'>hvm</type>
    $([ $firmware = bios ] || echo "<firmware><feature enabled='no' name='secure-boot'/></firmware>")</os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe'/><source file='$work/disk'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$work/seed'/><target dev='vdb' bus='virtio'/><readonly/></disk>
    <interface type='network'><source network='default'/><model type='virtio'/></interface>
    <serial type='file'><source path='$work/console'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>
C
  v define --validate "$work/domain.xml" >/dev/null
  v start try-guest >/dev/null

  # An address, then a login that accepts this host key and no other.
  guest() {
    "$INNKEEPER_LIBVIRT_IN_NET" ssh -q -i "$work/user" -o UserKnownHostsFile="$work/known" -o GlobalKnownHostsFile=/dev/null \
      -o StrictHostKeyChecking=yes -o ConnectTimeout=3 -o BatchMode=yes "root@$address" "$@"
  }
  for ((tries = 0; ; tries++)); do
    address=$(v domifaddr try-guest | awk '{ sub(/\/.*/, "", $4); print $4 }')
    echo "$address $(cut -d' ' -f1,2 "$work/host.pub")" >"$work/known"
    if [ -n "$address" ] && guest true; then break; fi
    [ $tries -lt 600 ] || { tail -n 30 "$work/console" >&2; echo "$firmware: no login" >&2; exit 1; }
    sleep 1
  done
  printf '%s with %s: login after %s s\n' "$firmware" "$kind" $((SECONDS - start))
  guest 'hostname; cat /etc/motd; cat /proc/partitions' >"$work/seen"
  grep -qx try-guest "$work/seen"
  grep -q "This is \"alice\"'s, until Friday." "$work/seen"
  grep -o 'READY .*' "$work/console" || true
  for ((tries = 0; tries < 120; tries++)); do
    v qemu-agent-command try-guest '{"execute":"guest-ping"}' >/dev/null 2>&1 && break
    sleep 1
  done
  [ $tries -lt 120 ] || { echo 'the guest agent does not answer' >&2; exit 1; }

  start=$SECONDS
  v shutdown --mode acpi try-guest >/dev/null
  for ((tries = 0; tries < 120; tries++)); do
    [ "$(v domstate try-guest)" = 'shut off' ] && break
    sleep 1
  done
  [ $tries -lt 120 ] || { echo 'the power button did nothing' >&2; exit 1; }
  echo "$firmware: off $((SECONDS - start)) s after the power button"
  v undefine --nvram try-guest >/dev/null
done
