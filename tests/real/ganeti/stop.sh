#!/bin/bash
# Ends the cluster that start.sh started, and deletes all that is left of it.
#
#   stop.sh DIR
#
# Ending one that does not run is fine.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8

die() { echo "stop.sh: $*" >&2; exit 1; }
[[ $# -eq 1 && -n $1 ]] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
[[ $EUID -eq 0 ]] || die "run this as root"
[[ -d $1 ]] || exit 0
DIR=$(readlink -f "$1")
[[ -f $DIR/is-a-test-cluster ]] || die "start.sh did not make $DIR"
exec 9>"$DIR/lock"
flock -w 120 9 || die "another start.sh or stop.sh is at work in $DIR"

started() { awk '{ sub(/^.*\) /, ""); if ($1 !~ /[ZX]/) print $20 }' "/proc/$1/stat" 2>/dev/null || :; }
runs() { [[ -n ${when:-} && $(started "$pid") == "$when" ]]; }
if [[ -f $DIR/first-process ]] && read -r pid when <"$DIR/first-process" && runs; then
  # Everything in the namespaces ends with their first process.
  kill -KILL "$pid"
  for ((i = 0; i < 100; i++)); do runs || break; sleep 0.1; done
  ! runs || die "process $pid does not end"
fi
rm -rf "$DIR"
