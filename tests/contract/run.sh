#!/usr/bin/env bash
# What Innkeeper asks of a forge, and what the rehearsal answers, against the forge's own
# description of its API: plays the scenarios, records every exchange, and sends each that
# differs from the others through a validating proxy (Prism, which needs Node 18 or later).
# Settings, from the environment:
#
#   SPEC=folder     gitlab_issue_bot.slice.strict.yaml, github_issue_bot.slice.json, or one of them
#   RECORD=file     check what was recorded before, instead of playing the scenarios
#   PRISM=folder    where Prism is, or is to be installed
#   CARGO=cargo     how cargo is called
set -euo pipefail

if [ -z "${SPEC:-}" ] || [ ! -d "$SPEC" ]; then
  echo 'SPEC names the folder of the descriptions: make test-contract SPEC=folder' >&2
  exit 2
fi
spec=$(realpath "$SPEC") record=${RECORD:+$(realpath "$RECORD")}
cd "$(dirname "$0")/../.."

version=5.14.2
prism=${PRISM:-${XDG_CACHE_HOME:-$HOME/.cache}/innkeeper/prism-$version}
if [ ! -d "$prism/node_modules/@stoplight/prism-cli" ]; then
  mkdir -p "$prism"
  npm install --prefix "$prism" --no-audit --no-fund "@stoplight/prism-cli@$version"
fi

if [ -z "$record" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  record=$folder/exchanges.jsonl
  INNKEEPER_RECORD=$record ${CARGO:-cargo} test --locked --test scenarios --test scenarios_github
fi
node tests/contract/check.mjs "$prism" "$spec" "$record"
