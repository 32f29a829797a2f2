#!/usr/bin/env bash
# start.sh DIR [IMAGE.qcow2]: starts a libvirtd of its own, copies the image into
# its pool, and prints what the tests need to know as NAME=value lines. Needs root;
# needs neither systemd nor D-Bus.
#
# Nothing on the machine is touched. The daemon has its own mounts, processes and
# network; /etc/libvirt, /var/lib/libvirt and so on are folders below DIR there.
# Its networks have no way out, and cannot collide with others. Its guests are
# reached with `DIR/in-net COMMAND...`.
#
# One that runs is left as it is. `stop.sh DIR` ends it.
set -euo pipefail

dir=${1:?usage: start.sh DIR [IMAGE.qcow2]}
image=${2:-}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
socket=$dir/run/libvirt-sock
uri="qemu+unix:///system?socket=$socket"

die() {
  echo "start.sh: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || die 'needs root'
# Addresses of Unix sockets end there.
[ ${#socket} -le 100 ] || die "the path of the folder is too long: $dir"

answers() { [ -S "$socket" ] && virsh -q -c "$uri" version >/dev/null 2>&1; }
lives() { [ -s "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null; }
tell() {
  echo "INNKEEPER_LIBVIRT_URI=$uri"
  echo "INNKEEPER_LIBVIRT_IN_NET=$dir/in-net"
  echo "INNKEEPER_LIBVIRT_RESTART=$dir/restart"
  [ -z "$image" ] || echo INNKEEPER_LIBVIRT_IMAGE=guest.qcow2
}

if lives; then
  answers || die "process $(cat "$dir/pid") does not answer; stop.sh ends it"
  tell
  exit 0
fi

# As after a reboot: /run is empty, definitions and disks are still there.
rm -rf "$dir/run" "$dir/pid"
mkdir -p "$dir"/{etc/qemu/networks,lib,cache,log,run,bin,pools/default}
[ -z "$image" ] || cp "$image" "$dir/pools/default/guest.qcow2"
chmod 711 "$dir" "$dir/lib" "$dir/run" "$dir/pools"

cat >"$dir/etc/libvirtd.conf" <<'C'
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
C
# No cgroups, security modules or namespaces: they are the machine's.
cat >"$dir/etc/qemu.conf" <<'C'
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
C
: >"$dir/etc/libvirt.conf"
# Once: a second copy would come with another UUID. Without spanning tree, which
# would keep every new guest silent for some seconds.
[ -e "$dir/etc/qemu/networks/default.xml" ] || cat >"$dir/etc/qemu/networks/default.xml" <<'C'
<network><name>default</name><forward mode='nat'/><bridge name='virbr0' stp='off' delay='0'/>
<ip address='192.168.122.1' netmask='255.255.255.0'><dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp></ip></network>
C

# Limits of bandwidth are set with tc. Small kernels have no sfq, fw and police,
# and then a guest with such limits does not start. This one takes the real tc,
# and only where the kernel lacks something what comes nearest.
cat >"$dir/bin/tc" <<'C'
#!/usr/bin/env bash
if out=$(/usr/sbin/tc "$@" 2>&1); then printf '%s' "$out"; exit 0; else status=$?; fi
case $out in
*'qdisc kind is unknown'* | *'TC classifier not found'* | *'Failed to load TC action module'*)
  echo "tc $* :: $out" >>/var/log/libvirt/tc.log
  all="$*"
  case " $all " in
  *' sfq perturb 10 '*) exec /usr/sbin/tc ${all/sfq perturb 10/pfifo} ;;
  *' fw flowid '* | *' police '*) exit 0 ;;
  esac ;;
esac
printf '%s\n' "$out" >&2
exit "$status"
C

# The first process in there. When it ends, the kernel ends all others.
cat >"$dir/inside" <<'C'
#!/usr/bin/env bash
set -euo pipefail
mount --make-rprivate /
mount -t proc proc /proc
mount -t sysfs sysfs /sys # shows this network, not the machine's
mkdir -p /etc/libvirt /var/{lib,cache,log}/libvirt /run/libvirt
mount --bind "$1/etc" /etc/libvirt
for folder in lib cache log; do mount --bind "$1/$folder" "/var/$folder/libvirt"; done
mount --bind "$1/run" /run/libvirt
# KVM without help from the processor exists (in sandboxes, for their own guests):
# it runs ours so slowly that they never start. Emulation is better then.
# A file that cannot be written: another device would have libvirt ask QEMU about it
# again and again.
if [ -e /dev/kvm ] && ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
  : >"$1/no-kvm"
  mount --bind "$1/no-kvm" /dev/kvm
  mount -o remount,bind,ro /dev/kvm
fi
ip link set lo up
export PATH="$1/bin:/usr/sbin:/usr/bin:/sbin:/bin" DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent
again=yes
trap 'again=no; kill "$daemon"' TERM
trap 'again=yes; kill "$daemon"' HUP
while [ $again = yes ]; do
  again=no
  libvirtd --pid-file /run/libvirt/libvirtd.pid &
  daemon=$!
  # A signal ends a wait as well.
  while kill -0 "$daemon" 2>/dev/null; do wait "$daemon" || true; done
done
C
cat >"$dir/restart" <<C
#!/usr/bin/env bash
# Starts the daemon anew; its guests go on.
before=\$(cat '$dir/run/libvirtd.pid')
kill -HUP "\$(pgrep -P "\$(cat '$dir/pid')" | head -n 1)"
until [ "\$(cat '$dir/run/libvirtd.pid' 2>/dev/null || echo "\$before")" != "\$before" ]; do sleep 0.1; done
until virsh -q -c '$uri' version >/dev/null 2>&1; do sleep 0.1; done
C
cat >"$dir/in-net" <<C
#!/usr/bin/env bash
# in-net COMMAND...: runs it in the network of the guests.
exec nsenter --net --target "\$(pgrep -P "\$(cat '$dir/pid')" | head -n 1)" -- "\$@"
C
chmod +x "$dir"/{bin/tc,inside,in-net,restart}

setsid unshare --mount --pid --fork --kill-child=KILL --net \
  bash "$dir/inside" "$dir" </dev/null >"$dir/log/inside.log" 2>&1 &
echo $! >"$dir/pid"
for _ in {1..300}; do
  answers && break
  lives || break
  sleep 0.1
done
if ! answers; then
  tail -n 20 "$dir/log/inside.log" "$dir/log/libvirtd.log" >&2 || true
  die "libvirtd did not come up; see $dir/log"
fi

v() { virsh -q -c "$uri" "$@" >/dev/null; }
v pool-info default 2>/dev/null || v pool-define-as default dir --target "$dir/pools/default"
v pool-autostart default
# Until it runs: the daemon may be starting it at this moment.
running() {
  for _ in {1..100}; do
    v "$1-start" default 2>/dev/null || true
    virsh -q -c "$uri" "$1-list" --name | grep -w default >/dev/null && return
    sleep 0.1
  done
  die "the $1 does not start"
}
running net
running pool
tell
