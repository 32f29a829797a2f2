#!/usr/bin/env bash
# build-guest.sh OUT.qcow2: builds a small guest that boots from its own disk, with
# BIOS and with UEFI. From Debian packages only; without loop devices, mounts or KVM.
#
#   GUEST=tiny  (default) Debian's kernel, and busybox, dropbear and the guest agent
#               in memory. Reads the same seed as cloud-init, if it is JSON. Seconds
#               to build; 192 MiB of memory are enough. What it does is in guest/.
#   GUEST=full  Debian 12 with systemd, OpenSSH and the real cloud-init. Needs root;
#               minutes to build; 512 MiB of memory.
#
# Does nothing if OUT.qcow2 was built from just this.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
out=$(realpath -m "${1:?usage: [GUEST=tiny|full] build-guest.sh OUT.qcow2}")
guest=${GUEST:-tiny}
made_of=$(cd "$here" && { echo "$guest"; find build-guest.sh guest -type f | LC_ALL=C sort | xargs sha256sum; } | sha256sum)
[ "$(cat "$out.made-of" 2>/dev/null)" = "$made_of" ] && [ -s "$out" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p debs debian root/boot initrd "$(dirname "$out")"

# What makes a kernel start faster without KVM, and nothing a test looks at.
fast='random.trust_cpu=on mitigations=off nokaslr init_on_alloc=0 audit=0 apparmor=0 rcupdate.rcu_expedited=1 cryptomgr.notests'

# Unpacks Debian packages into debian/.
unpack() {
  local get=(apt-get -q -o APT::Sandbox::User=root download "$@")
  (cd debs && { "${get[@]}" || { apt-get -q update && "${get[@]}"; }; } >/dev/null)
  local deb
  for deb in debs/*.deb; do dpkg-deb -x "$deb" debian; done
}

# Puts kernel modules, and those they need, into initrd/.
modules() {
  local module line file
  ./debian/bin/busybox depmod -b debian "$version"
  for module in "$@"; do
    line=$(awk -F: -v want="${module//-/_}" '{ name = $1; sub(/.*\//, "", name); sub(/\.ko.*/, "", name); gsub(/-/, "_", name) }
      name == want { print; exit }' "debian/lib/modules/$version/modules.dep")
    for file in ${line/:/ }; do
      mkdir -p "initrd/lib/modules/$version/$(dirname "$file")"
      cp -n "debian/lib/modules/$version/$file" "initrd/lib/modules/$version/$file"
    done
  done
  ./debian/bin/busybox depmod -b initrd "$version"
}

pack_initrd() {
  (cd initrd && find . | LC_ALL=C sort | ../debian/bin/busybox cpio -o -H newc -R 0:0 2>/dev/null) >initrd.cpio
  lz4 -q -l -9 -f initrd.cpio root/boot/initrd.img
  cp "debian/boot/vmlinuz-$version" root/boot/vmlinuz
}

# disk SIZE OPTIONS: root/ as disk.raw of so many MiB, starting with GRUB; options
# are the kernel's. The second partition is the root, so that it can be grown.
disk() {
  local size=$1 efi=8 menu
  local parts=(search search_label part_msdos ext2 linux normal serial terminal configfile)
  # GRUB's variables, not the shell's.
  # shellcheck disable=SC2016
  menu='search --no-floppy --label rootfs --set root
set prefix=($root)/boot/grub
configfile /boot/grub/grub.cfg'
  mkdir -p root/boot/grub
  cat >root/boot/grub/grub.cfg <<C
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=0
menuentry guest {
  linux /boot/vmlinuz $2 console=tty0 console=ttyS0,115200 quiet $fast
  initrd /boot/initrd.img
}
C
  echo "$menu" >menu.cfg
  truncate -s "${size}M" disk.raw
  # Blocks of 4 KiB: GRUB reads block by block. It does not know the newest features.
  mke2fs -q -F -t ext4 -b 4096 -O ^metadata_csum_seed -L rootfs -m 0 \
    -E "offset=$(((efi + 1) << 20)),root_owner=0:0" -d root disk.raw "$((size - efi - 1))M"
  printf 'label: dos\nlabel-id: 0x1ee9f00d\nstart=2048, size=%d, type=ef\nstart=%d, type=83, bootable\n' \
    $((efi * 2048)) $(((efi + 1) * 2048)) | sfdisk -q -w never -W never --no-reread --no-tell-kernel disk.raw

  # BIOS: the boot sector reads what follows it, up to the first partition.
  grub-mkimage -O i386-pc -o core.img -c menu.cfg -p /boot/grub biosdisk "${parts[@]}"
  [ "$(stat -c %s core.img)" -lt $((2047 * 512)) ]
  dd if=/usr/lib/grub/i386-pc/boot.img of=disk.raw bs=440 count=1 conv=notrunc status=none
  dd if=core.img of=disk.raw bs=512 seek=1 conv=notrunc status=none
  # UEFI: the program with this name.
  grub-mkimage -O x86_64-efi -o bootx64.efi -c menu.cfg -p /boot/grub efi_gop fat "${parts[@]}"
  truncate -s "${efi}M" efi.raw
  mformat -i efi.raw ::
  mmd -i efi.raw ::/EFI ::/EFI/BOOT
  mcopy -i efi.raw bootx64.efi ::/EFI/BOOT/BOOTX64.EFI
  dd if=efi.raw of=disk.raw bs=1M seek=1 conv=notrunc status=none
}

kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
if [ -z "$kernel" ]; then
  apt-get -q update >/dev/null
  kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
fi

tiny() {
  unpack "$kernel" busybox-static dropbear-bin libtomcrypt1 libtommath1 qemu-guest-agent
  version=$(basename debian/boot/vmlinuz-* | sed 's/^vmlinuz-//')
  mkdir -p initrd/{bin,sbin,dev,proc,sys,run,tmp,root,home,etc,lib,lib64,mnt/seed,persist,usr/bin,usr/sbin,var/log}
  ln -s /run initrd/var/run
  cp debian/bin/busybox initrd/bin/
  local applet program library
  for applet in $(debian/bin/busybox --list); do [ -e "initrd/bin/$applet" ] || ln -s busybox "initrd/bin/$applet"; done
  for program in usr/sbin/dropbear usr/bin/dropbearkey usr/bin/dropbearconvert usr/sbin/qemu-ga; do
    cp -L "debian/$program" "initrd/$program"
    LD_LIBRARY_PATH=debian/usr/lib/x86_64-linux-gnu ldd "debian/$program" >libraries
    if grep 'not found' libraries; then exit 1; fi
    for library in $(grep -oE '(/|debian/)[^ ]+' libraries); do
      case $library in */ld-linux*) cp -L "$library" initrd/lib64/ ;; *) cp -L "$library" initrd/lib/ ;; esac
    done
  done
  modules virtio_pci virtio_blk virtio_net virtio_scsi virtio_console virtio-rng virtio_balloon sd_mod sr_mod \
    isofs vfat nls_ascii nls_cp437 button evdev qemu_fw_cfg
  echo 'root:*:0:0:root:/root:/bin/sh' >initrd/etc/passwd
  echo 'root:x:0:' >initrd/etc/group
  echo /bin/sh >initrd/etc/shells
  cp -a "$here/guest/." initrd/
  pack_initrd
  disk 64 ''
}

full() {
  unpack "$kernel" busybox-static
  version=$(basename debian/boot/vmlinuz-* | sed 's/^vmlinuz-//')
  mmdebstrap --quiet --variant=minbase --format=directory --aptopt='Apt::Install-Recommends "false"' \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --include=systemd-sysv,dbus,udev,kmod,cloud-init,cloud-guest-utils,fdisk,openssh-server,sudo,qemu-guest-agent,iproute2,netbase,e2fsprogs \
    bookworm system
  cp -a "debian/lib/modules/$version" -t "$(mkdir -p system/lib/modules && echo system/lib/modules)"
  chroot system depmod "$version"

  # An initrd of our own: cloud-init wants to see the seed before udev is there.
  mkdir -p initrd/{bin,dev,proc,sys,run,new}
  cp debian/bin/busybox initrd/bin/
  modules virtio_pci virtio_blk virtio_net virtio_scsi virtio_console virtio-rng sd_mod sr_mod isofs vfat nls_ascii nls_cp437
  cat >initrd/init <<'C'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=755 tmpfs /run
modprobe -a virtio_pci virtio_blk virtio_scsi virtio_net virtio_console virtio-rng sd_mod sr_mod isofs vfat nls_ascii nls_cp437 2>/dev/null
n=0
while ! disk=$(findfs LABEL=rootfs 2>/dev/null) && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
mount -t ext4 "$disk" /new || exec sh
for folder in dev proc sys run; do mount -o move /$folder /new/$folder; done
exec switch_root /new /sbin/init
C
  chmod +x initrd/init

  local system=system/etc unit
  rm -f $system/ssh/ssh_host_* $system/hostname
  : >$system/machine-id
  echo 'LABEL=rootfs / ext4 errors=remount-ro 0 0' >$system/fstab
  # A list of one is not searched for.
  echo 'datasource_list: [ NoCloud, None ]' >$system/cloud/cloud.cfg.d/90_dpkg.cfg
  # Slow without KVM: only the modules somebody looks at.
  cat >$system/cloud/cloud.cfg.d/95_fast.cfg <<'C'
cloud_init_modules: [seed_random, write-files, growpart, resizefs, set_hostname, update_hostname, update_etc_hosts, users-groups, ssh]
cloud_config_modules: [set-passwords, runcmd]
cloud_final_modules: [scripts-user, final-message]
ssh_genkeytypes: [ed25519]
C
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer systemd-pstore.service getty@tty1.service cloud-init-hotplugd.socket; do
    ln -sf /dev/null "$system/systemd/system/$unit"
  done
  chroot system systemctl enable --quiet systemd-networkd.service
  rm -rf root
  mv system root
  pack_initrd
  disk 1024 'root=LABEL=rootfs rw net.ifnames=0 systemd.show_status=0'
}

case $guest in
tiny | full) $guest ;;
*) echo 'build-guest.sh: GUEST is tiny or full' >&2; exit 1 ;;
esac
qemu-img convert -q -f raw -O qcow2 -c disk.raw "$out.new"
mv "$out.new" "$out"
echo "$made_of" >"$out.made-of"
