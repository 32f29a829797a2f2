#!/usr/bin/env bash
# stop.sh DIR [--purge]: ends what `start.sh DIR` started, guests and all, and with
# --purge removes DIR. What does not run is fine.
set -euo pipefail

dir=${1:?usage: stop.sh DIR [--purge]}
[ -d "$dir" ] || exit 0
dir=$(cd "$dir" && pwd -P)

# Waits some seconds for a process to be gone.
gone() {
  for _ in {1..50}; do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  return 1
}

pid=$(cat "$dir/pid" 2>/dev/null || true)
# Process ids are used again: only if it is still ours.
if [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$dir/inside"; then
  first=$(pgrep -P "$pid" | head -n 1 || true)
  [ -z "$first" ] || kill -TERM "$first" 2>/dev/null || true
  if ! gone "$pid"; then
    kill -KILL "$pid" 2>/dev/null || true
    gone "$pid" || { echo "stop.sh: process $pid does not end" >&2; exit 1; }
  fi
fi
rm -f "$dir/pid"
# Only a folder that `start.sh` made.
if [ "${2:-}" = --purge ] && [ -e "$dir/inside" ]; then rm -rf --one-file-system "$dir"; fi
