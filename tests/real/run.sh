#!/usr/bin/env bash
# The tests on real machines: installs what is missing, starts a libvirtd and a
# Ganeti cluster of their own, runs the tests that are ignored otherwise, and ends
# everything again, also after a failure or Ctrl-C. On Debian 12, as root or with
# sudo. Settings, from the environment:
#
#   ONLY=libvirt    the provider for libvirt        ONLY=ganeti   the one for Ganeti
#   ONLY=life       requests from issue to end      ONLY=guest    the guest, without Innkeeper
#   GUEST=full      with Debian and cloud-init in the guests, instead of a tiny system
#   CARGO=cargo     how cargo is called
set -euo pipefail
cd "$(dirname "$0")/../.."

only=${ONLY:-} guest=${GUEST:-tiny}
case $only in '' | libvirt | ganeti | life | guest) ;; *)
  echo "ONLY is libvirt, ganeti, life or guest, not $only" >&2
  exit 2
  ;;
esac
want() { [ -z "$only" ] || [[ " $* " == *" $only "* ]]; }

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -E)

# In memory if there is room: Ganeti waits for the disk at every step.
mkdir -p target/real
place=/dev/shm
[ "$(df --output=avail -B1M "$place" 2>/dev/null | tail -n 1)" -ge 4096 ] || place=$PWD/target/real
state=$(mktemp -d "$place/innkeeper.XXXXXX")
# The daemons are not all root.
chmod 711 "$state"
# What tests leave when they are interrupted.
export TMPDIR=$state/tmp
mkdir -m 1777 "$TMPDIR"

timings=() failed=()
finish() {
  local status=$?
  trap - EXIT INT TERM HUP
  [ ! -d "$state/libvirt" ] || "${as_root[@]}" tests/real/libvirt/stop.sh "$state/libvirt" --purge || status=1
  [ ! -d "$state/ganeti" ] || "${as_root[@]}" tests/real/ganeti/stop.sh "$state/ganeti" || status=1
  "${as_root[@]}" rm -rf "$state/tmp" "$state/told"
  # What is left now was left by mistake.
  rmdir "$state" || status=1
  printf '\n== how long it took\n'
  if [ ${#timings[@]} -gt 0 ]; then printf '%s\n' "${timings[@]}"; fi
  if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failed[@]}"
    status=1
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# step NAME COMMAND...: what fails here ends everything.
step() {
  local name=$1 start=$SECONDS status=0
  shift
  printf '\n== %s\n' "$name"
  "$@" </dev/null || status=$?
  timings+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
  [ $status -eq 0 ] || failed+=("$name")
  return $status
}

# Starts one with its script, and takes over the variables it tells: passwords
# are among them.
started() {
  local line
  (umask 077 && "${as_root[@]}" "$@" >"$state/told") || return 1
  while IFS= read -r line; do
    [[ ! $line =~ ^[A-Z_]+= ]] || export "${line?}"
  done <"$state/told"
}

free_port() {
  local port
  for port in {5080..5179}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  return 1
}

# tests NAME WRAPPER FILTER...: one binary after the other, since they share the
# machine and some measure time. cargo builds as whoever called it; what it built
# runs as root, in the wrapper.
tests() {
  local name=$1 wrapper="${as_root[*]} $2"
  shift 2
  step "tests: $name" env "CARGO_TARGET_$(uname -m | tr '[:lower:]' '[:upper:]')_UNKNOWN_LINUX_GNU_RUNNER=$wrapper" \
    ${CARGO:-cargo} test --locked --test "$name" -- --ignored --nocapture "$@" || true
}

step install "${as_root[@]}" tests/real/install.sh
[ "$only" = guest ] || step build ${CARGO:-cargo} test --locked --no-run
if want libvirt life guest; then
  step "guest ($guest)" env GUEST="$guest" "${as_root[@]}" tests/real/libvirt/build-guest.sh "target/real/$guest.qcow2"
  step libvirt started tests/real/libvirt/start.sh "$state/libvirt" "target/real/$guest.qcow2"
fi
if want ganeti life; then
  GNT_RAPI_PORT=$(free_port)
  export GNT_RAPI_PORT
  step ganeti started tests/real/ganeti/start.sh "$state/ganeti"
fi
if want guest; then step 'guest, by hand' "${as_root[@]}" tests/real/libvirt/try-guest.sh "target/real/$guest.qcow2" || true; fi
if want libvirt; then
  # In the network of the guests, which they log in to.
  tests libvirt_real "$INNKEEPER_LIBVIRT_IN_NET"
  # These start a daemon of their own.
  tests process env adopt:: doctor::
fi
if want ganeti; then tests ganeti env; fi
if want life; then tests real_life env; fi
