#!/bin/bash
# Starts a real Ganeti cluster (Debian's package `ganeti`, 3.0 or later) to test
# against, and prints how to reach it.
#
#   start.sh DIR          DIR on a tmpfs, e.g. /dev/shm/ganeti: everything is kept there
#
# Everything in it is Ganeti's own (RAPI, queue, locks, allocator, installers,
# disks in files), except that the hypervisor is Ganeti's "fake": no guest boots.
#
# Nothing changes on this machine. The daemons live in namespaces of their own,
# where two virtual nodes have names and addresses; only ganeti-rapi is put back
# into this network, at 127.0.0.1. Killing the namespaces' first process ends all.
#
# A cluster that runs already is left alone. What is left of one that does not
# is thrown away. stop.sh ends it.
#
# From the environment:
#   GNT_NODES=2            how many nodes, 2 to 9: with one, hail gives nothing away
#   GNT_RAPI_PORT=5080     where RAPI listens
#   GNT_RAPI_CERT=ca       `ca`: signed by an authority made for this test;
#                          `stock`: the one Ganeti makes itself (X.509 version 1)
#   GNT_NODE_MEMORY=65536  the memory each node claims to have, MiB
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
umask 022

die() { echo "start.sh: $*" >&2; exit 1; }
[[ $# -eq 1 && -n $1 ]] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
[[ $EUID -eq 0 ]] || die "run this as root: it makes namespaces"
for program in gnt-cluster ganeti-rapi unshare nsenter setsid flock openssl socat curl; do
  command -v "$program" >/dev/null || die "$program is missing: apt-get install ganeti curl"
done
: "${GNT_NODES:=2}" "${GNT_RAPI_PORT:=5080}" "${GNT_RAPI_CERT:=ca}" "${GNT_NODE_MEMORY:=65536}"
[[ $GNT_NODES =~ ^[2-9]$ ]] || die "GNT_NODES is 2 to 9"
[[ $GNT_RAPI_CERT =~ ^(ca|stock)$ ]] || die "GNT_RAPI_CERT is ca or stock"

mkdir -p "$1"
DIR=$(readlink -f "$1")
exec 9>"$DIR/lock"
flock -w 120 9 || die "another start.sh or stop.sh is at work in $DIR"

DOMAIN=gnt.test CLUSTER=cluster.gnt.test
NET=198.51.100                     # TEST-NET-2; nobody else sees it
BRIDGE=gntbr0
SRV=$DIR/srv                       # /srv inside
node() { echo "node$1.$DOMAIN"; }
address() { echo "$NET.$((10 + $1))"; }
MASTER=$(node 1)
nodes() { seq 1 "$GNT_NODES"; }

# --- is it there already?

# A process is known by its number and when it started, so that another that
# got the same number is not taken for it.
started() { awk '{ sub(/^.*\) /, ""); if ($1 !~ /[ZX]/) print $20 }' "/proc/$1/stat" 2>/dev/null || :; }
first_process() {
  local pid when
  [[ -f $DIR/first-process ]] && read -r pid when <"$DIR/first-process" || return 1
  [[ -n $when && $(started "$pid") == "$when" ]] && echo "$pid"
}
if pid=$(first_process); then
  if [[ -f $DIR/rapi.env ]]; then cat "$DIR/rapi.env"; exit 0; fi
  kill -KILL "$pid"
  while first_process >/dev/null; do sleep 0.1; done
fi
! (exec 3<>"/dev/tcp/127.0.0.1/$GNT_RAPI_PORT") 2>/dev/null ||
  die "port $GNT_RAPI_PORT is taken: set GNT_RAPI_PORT"
[[ -z $(ls -A "$DIR" --ignore=lock) || -f $DIR/is-a-test-cluster ]] || die "$DIR holds something else"
find "$DIR" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
touch "$DIR/is-a-test-cluster"

# --- what the namespaces see instead of the machine's own files

mkdir -p "$SRV/vc" "$SRV/ganeti/os" "$SRV/file-storage" "$SRV/os-log" "$DIR/etc/ssh"
{
  echo "127.0.0.1 localhost"
  echo "$NET.1 $CLUSTER"
  for n in $(nodes); do echo "$(address "$n") $(node "$n")"; done
} >"$DIR/etc/hosts"
# Names that are not in there must fail at once.
printf '%s: files\n' hosts passwd group shadow services protocols >"$DIR/etc/nsswitch.conf"
: >"$DIR/etc/resolv.conf"
cat >"$DIR/etc/meminfo" <<MEMORY
MemTotal:       $((GNT_NODE_MEMORY * 1024)) kB
MemFree:        $((GNT_NODE_MEMORY * 1024 - 524288)) kB
Buffers:        0 kB
Cached:         0 kB
Active:         524288 kB
MEMORY
for n in {1..32}; do printf 'processor\t: %d\n\n' "$n"; done >"$DIR/etc/cpuinfo"
# Ganeti wants a host key, and adds nodes over ssh; here they are all at home.
ssh-keygen -q -t rsa -b 2048 -N '' -C "$CLUSTER" -f "$DIR/etc/ssh/ssh_host_rsa_key"
cat >"$DIR/etc/ssh-here" <<'SSH'
#!/bin/bash
while [[ ${1:-} == -* ]]; do shift; done
shift
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 /bin/bash -c "$*"
SSH
chmod 755 "$DIR/etc/ssh-here"

# --- operating systems to install: `noop` succeeds, `slow` takes OSP_DELAY
# seconds, `failing` fails. All write down what they were given.

for os in noop slow failing; do
  os_dir=$SRV/ganeti/os/$os
  mkdir -p "$os_dir"
  echo 20 >"$os_dir/ganeti_api_version"
  : >"$os_dir/variants.list"
  printf '%s\n' 'hostname Its name' 'ssh_key Who may log in' 'root_password A password' \
    'delay How long the installation takes' >"$os_dir/parameters.list"
  cat >"$os_dir/create" <<'CREATE'
#!/bin/bash
set -eu
env | grep -E '^(INSTANCE_|OS_|OSP_|DISK_|NIC_)' | sort >"/srv/os-log/$INSTANCE_NAME.env"
case $OS_NAME in
  slow) sleep "${OSP_DELAY:-5}" ;;
  failing) echo "this OS always fails" >&2; exit 1 ;;
esac
CREATE
  for script in import export rename verify; do printf '#!/bin/bash\n' >"$os_dir/$script"; done
  chmod 755 "$os_dir"/{create,import,export,rename,verify}
done

# --- RAPI's users and certificate

for user in rapi reader; do (umask 077; openssl rand -hex 16 >"$DIR/$user.password"); done
if [[ $GNT_RAPI_CERT == ca ]]; then
  (
    umask 077
    cd "$DIR"
    key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256)
    openssl req -x509 "${key[@]}" -days 365 -subj "/CN=Ganeti test authority" \
      -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem
    openssl req "${key[@]}" -subj "/CN=$CLUSTER" -keyout server.key -out server.csr
    # RAPI sends this one alone, so the authority signs it directly.
    openssl x509 -req -days 365 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
      -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out server.pem
    cat server.key server.pem >rapi.pem
  ) 2>/dev/null
fi

# --- the virtual nodes

for n in $(nodes); do
  root=$SRV/vc/$(node "$n")
  mkdir -p "$root"/etc/{default,ganeti} "$root"/var/lock "$root"/var/{lib,log,run}/ganeti
  echo /srv/file-storage >"$root/etc/ganeti/file-storage-paths"
  cat >"$root/etc/default/ganeti" <<DAEMONS
NODED_ARGS='--no-mlock -b $(address "$n")'
CONFD_ARGS='-b $(address "$n")'
MOND_ARGS='-b $(address "$n")'
METAD_ARGS='-b $(address "$n")'
RAPI_ARGS='-b 127.0.0.1 -p $GNT_RAPI_PORT --require-authentication'
export LC_ALL=C.UTF-8
DAEMONS
done

# --- the namespaces

cat >"$DIR/first-process.sh" <<'FIRST'
#!/bin/bash
# Sets the namespaces up, says so, and then does nothing but reap orphans.
set -euo pipefail
dir=$1 bridge=$2 net=$3 nodes=$4
over() { mount --bind "$1" "$(readlink -f "$2")"; }
mount -t sysfs sysfs /sys
over "$dir/srv" /srv
for file in hosts nsswitch.conf resolv.conf; do
  [[ ! -e /etc/$file ]] || over "$dir/etc/$file" "/etc/$file"
done
over "$dir/etc/ssh" /etc/ssh
over "$dir/etc/ssh-here" "$(command -v ssh)"
over "$dir/etc/meminfo" /proc/meminfo
over "$dir/etc/cpuinfo" /proc/cpuinfo
# Ganeti would give one of its programs the right to use port 80: that is a
# change to the machine's own file.
over /bin/true "$(command -v setcap)"
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start || :
hostname node1.gnt.test
ip link set lo up
ip link add "$bridge" type bridge
ip link set "$bridge" up
# The cluster's own address is not among them: whoever answers there is taken
# for a cluster that runs already.
for ((n = 1; n <= nodes; n++)); do ip addr add "$net.$((10 + n))/32" dev "$bridge"; done
# A node is added only where something listens for ssh.
setsid socat TCP-LISTEN:22,fork,reuseaddr SYSTEM:true </dev/null >/dev/null 2>&1 &
touch "$dir/namespaces-ready"
trap 'exit 0' TERM
while :; do sleep 3600 & wait $! || :; done
FIRST
setsid unshare --mount --net --uts --ipc --pid --fork --mount-proc --propagation private \
  /bin/bash "$DIR/first-process.sh" "$DIR" "$BRIDGE" "$NET" "$GNT_NODES" \
  </dev/null >"$DIR/first-process.log" 2>&1 9>&- &
outside=$!
disown
for ((i = 0; i < 100; i++)); do [[ -e $DIR/namespaces-ready ]] && break; sleep 0.1; done
[[ -e $DIR/namespaces-ready ]] || { kill "$outside" || :; die "no namespaces: $(tail -n 3 "$DIR/first-process.log")"; }
pid=$(awk '{ print $1 }' "/proc/$outside/task/$outside/children")
echo "$pid $(started "$pid")" >"$DIR/first-process"
trap 'code=$?; ((code == 0)) || kill -KILL "$pid" 2>/dev/null || :' EXIT

# DIR/gnt COMMAND...: runs it on the master. GNT_NODE=node2.gnt.test on another
# node, GNT_NET=host in this machine's network.
cat >"$DIR/gnt" <<GNT
#!/bin/bash
set -euo pipefail
node=\${GNT_NODE:-$MASTER}
[[ \${GNT_NET:-} == host ]] && net= || net=-n
exec nsenter -t $pid -m -u -i \$net -p -- env -i PATH=$PATH HOME=/root LC_ALL=C.UTF-8 \\
  GANETI_HOSTNAME="\$node" GANETI_ROOTDIR="/srv/vc/\$node" "\$@" 9>&-
GNT
chmod 755 "$DIR/gnt"

# --- the cluster

for n in $(nodes); do GNT_NODE=$(node "$n") "$DIR/gnt" /usr/lib/ganeti/ensure-dirs; done
# Limits so wide that only memory and processors run out.
specs="disk-size=0,cpu-count=1,disk-count=0,memory-size=1,nic-count=0,spindle-use=0"
most="disk-size=1073741824,cpu-count=64,disk-count=16,memory-size=1048576,nic-count=8,spindle-use=12"
"$DIR/gnt" gnt-cluster init --no-etc-hosts --no-ssh-init --master-netdev="$BRIDGE" \
  --nic-parameters="mode=bridged,link=$BRIDGE" --enabled-hypervisors=fake \
  --enabled-disk-templates=file,diskless --file-storage-dir=/srv/file-storage \
  --default-iallocator=hail --candidate-pool-size=1 --ipolicy-vcpu-ratio=64 \
  --ipolicy-spindle-ratio=4096 --ipolicy-bounds-specs="min:$specs/max:$most" \
  "$CLUSTER" </dev/null >&2
lib=$SRV/vc/$MASTER/var/lib/ganeti
[[ $GNT_RAPI_CERT == stock ]] ||
  install -o gnt-rapi -g gnt-masterd -m 440 "$DIR/rapi.pem" "$lib/rapi.pem"
# Ganeti takes passwords as the MD5 of name, realm and password.
hash_of() { printf '%s:Ganeti Remote API:%s' "$1" "$(cat "$DIR/$1.password")" | openssl md5 -r | cut -d' ' -f1; }
install -d -o gnt-rapi -g gnt-masterd -m 750 "$lib/rapi"
install -o gnt-rapi -g gnt-masterd -m 640 /dev/null "$lib/rapi/users"
printf '%s {HA1}%s %s\n' rapi "$(hash_of rapi)" write reader "$(hash_of reader)" read >"$lib/rapi/users"
for n in $(nodes | tail -n +2); do
  "$DIR/gnt" gnt-node add --no-ssh-key-check "$(node "$n")" </dev/null >&2
done
# It was started inside; it is to be reached from outside.
"$DIR/gnt" /usr/lib/ganeti/daemon-util stop ganeti-rapi
GNT_NET=host "$DIR/gnt" /usr/lib/ganeti/daemon-util start ganeti-rapi
# Monitoring is of no use here.
for n in $(nodes); do GNT_NODE=$(node "$n") "$DIR/gnt" /usr/lib/ganeti/daemon-util stop ganeti-mond; done
for ((i = 0; ; i++)); do
  # Unverified: this only asks whether it answers.
  curl -ksf -m 5 --noproxy '*' -u "rapi:$(cat "$DIR/rapi.password")" \
    "https://127.0.0.1:$GNT_RAPI_PORT/2/info" >/dev/null && break
  ((i < 60)) || die "RAPI does not answer: see $SRV/vc/$MASTER/var/log/ganeti"
  sleep 0.25
done

(
  umask 077
  {
    echo "GANETI_RAPI_URL=https://127.0.0.1:$GNT_RAPI_PORT"
    echo "GANETI_RAPI_USER=rapi"
    echo "GANETI_RAPI_PASSWORD=$(cat "$DIR/rapi.password")"
    echo "GANETI_RAPI_RO_USER=reader"
    echo "GANETI_RAPI_RO_PASSWORD=$(cat "$DIR/reader.password")"
    echo "GANETI_RAPI_FINGERPRINT=$(openssl x509 -in "$lib/rapi.pem" -noout -sha256 -fingerprint | cut -d= -f2)"
    [[ $GNT_RAPI_CERT == stock ]] || echo "GANETI_RAPI_CA=$DIR/ca.pem"
    echo "GANETI_CMD=$DIR/gnt"
  } >"$DIR/rapi.env"
)
cat "$DIR/rapi.env"
