#!/bin/sh
# Runs every target for so many seconds each: run.sh [seconds] [target...]. Needs cargo-fuzz and a nightly
# toolchain. What a target finds beyond its seeds stays in corpus/, inputs that fail in artifacts/.
set -u
cd "$(dirname "$0")" || exit 1
seconds=${1:-600}
[ $# -gt 0 ] && shift
targets=${*:-$(cargo +nightly fuzz list)}
cargo +nightly fuzz build --sanitizer none || exit 1
failed=""
for target in $targets; do
    mkdir -p "corpus/$target"
    log="corpus/$target.log"
    # A panic in any input ends the target; the others still have their turn.
    cargo +nightly fuzz run --sanitizer none "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -dict=json.dict \
        -print_final_stats=1 >"$log" 2>&1 || failed="$failed $target"
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: ${executions:-no} executions in $seconds s"
done
[ -z "$failed" ] || { echo "failed:$failed (see corpus/<target>.log)"; exit 1; }
