#!/bin/sh
# Fuzzes one target, or all, for some seconds each: `make fuzz`.
#
# Needs a C++ compiler (for libFuzzer), libvirt's headers and stable Rust; about 3 GB in
# fuzz/target. What is found stands in fuzz/artifacts, and the last lines say how
# to try it again.
set -eu
cd "$(dirname "$0")"
: "${SECONDS_EACH:=60}" "${TARGETS:=cookbook cases expression request comment webhook config delivery gitlab github ganeti libvirt}"

# What cargo-fuzz sets on nightly, without a sanitizer: this program has no
# unsafe code of its own.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc -vV | sed -n 's/^host: //p')
${CARGO:-cargo} build --release --locked --target "$host"

seeds() {
  case $1 in
    cookbook) cat_all ../policies/*.toml ../tests/fixtures/cookbooks/*.toml ../tests/fixtures/cookbooks/real/*.toml ;;
    cases) cat_all ../policies/*.test.toml ../tests/fixtures/cases/*.toml ;;
    expression) sed -n 's/^\(require\|unless\|when\) *= "\(.*\)" *$/\2/p' ../policies/*.toml ../tests/fixtures/cookbooks/real/*.toml | split_lines ;;
    request) cat_all ../tests/fixtures/forms/*.md ../tests/fixtures/forms/real/*.md ../.gitlab/issue_templates/*.md ;;
    comment) sed -n 's/^| `\([a-z].*\)` |.*/@innkeeper \1/p' ../docs/*.md | split_lines ;;
    webhook | delivery) cat_all ../tests/fixtures/gitlab/*.json ../tests/fixtures/github/*.json ;;
    gitlab | github | ganeti | libvirt) cat_all seeds/"$1"-* ;;
    config) cat_all ../config.default.toml ../tests/fixtures/config/*.toml ;;
  esac
}
cat_all() {
  for file; do [ ! -f "$file" ] || cp "$file" "$folder/seed-$(echo "$file" | tr '/' '_')"; done
}
split_lines() {
  number=0
  while IFS= read -r line; do number=$((number + 1)); printf '%s' "$line" >"$folder/seed-$number"; done
}

for target in $TARGETS; do
  folder=corpus/$target
  mkdir -p "$folder" artifacts
  seeds "$target"
  echo "== $target, $SECONDS_EACH s"
  INNKEEPER_FUZZ=$target "target/$host/release/innkeeper-fuzz" "$folder" \
    -dict=words.dict -max_total_time="$SECONDS_EACH" -max_len=65536 -timeout=20 \
    -rss_limit_mb=2048 -artifact_prefix="artifacts/$target-" -print_final_stats=1 -verbosity=0
done
