#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves this build on this machine's GPU and measures it there, in under eight minutes: goldens, tests, benchmarks, and the
# same step in PyTorch where there is one. Writes results.json and results.md.
#
#   tools/gpu_check.sh [--quick] [--out FOLDER, default gpu_check]
#
# --quick takes tiny sizes. PECLR_DEVICE=simt takes the emulator of a build for tests, PECLR_BIN another folder of programs,
# PYTHON another Python than python3. Exit codes: 0 all is well, 1 something failed or no golden ran, 2 the command line, 4
# there is no GPU (one line says why).
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name=gpu_check help_lines=3,10
source "$root/tools/gpu_programs.sh"

# ---- Text of others inside of JSON and tables.
quote() { tr -d '\000-\010\013-\037' | tr '\t\n' '  ' | sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/ *$/"/'; }
list() { local line comma=''; printf '['; while read -r line; do printf '%s%s' "$comma" "$line"; comma=', '; done; printf ']'; }
string() { printf '%s' "$1" | quote; }

# ---- Goldens first: without a device they say so, and that is all.
goldens=$(mktemp) errors=$(mktemp)
trap 'rm -f "$goldens" "$errors"' EXIT
limit_s=470  # of everything, so that eight minutes are never reached
# limited SECONDS COMMAND...: no longer than that and than what is left of the whole; 124 if it was.
limited() {
  local left=$((limit_s - SECONDS)) most=$1
  shift
  ((left > 1)) || return 124
  timeout -k 5 $((most < left ? most : left)) "$@"
}
limited 60 "$bin/peclr" golden --json --device "$device" "$root/tests/golden" >"$goldens" 2>"$errors"
golden_exit=$?
((golden_exit != 4)) || { tail -n 1 "$errors" >&2; exit 4; }
mkdir -p "$out" && out=$(cd "$out" && pwd) || refuse 2 "$out: cannot be made; choose another --out"
cp "$goldens" "$out/goldens.jsonl"
# Timings of convolutions are for all of the programs here: in a home that cannot be written each would time its own.
cache=${XDG_CACHE_HOME:-${HOME:-/nowhere}/.cache}
mkdir -p "$cache/peclr" 2>/dev/null && [[ -w $cache/peclr ]] || export XDG_CACHE_HOME=$out/cache
golden_passed=$(grep -c '"pass": true}$' "$goldens")
golden_failed=$(grep -c '"pass": false}$' "$goldens")
((golden_passed + golden_failed > 0)) || refuse 1 "no golden ran: $(tail -n 1 "$errors")"
failures=()
((golden_failed == 0 && golden_exit == 0)) || failures+=("goldens: $golden_failed failed, exit code $golden_exit")
rows="| goldens | $golden_passed passed, $golden_failed failed |"$'\n'

# ---- Tests.
tests=()
# run_tests NAME SECONDS PROGRAM ARGUMENT...
run_tests() {
  local name=$1 most=$2 log=$out/$1.log start=$SECONDS code summary skipped
  shift 2
  PECLR_QUICK=1 PECLR_TEST_DEVICE=$device limited "$most" "$@" --warn NoTests >"$log" 2>&1
  code=$?
  summary=$(grep -E '^(All tests passed|test cases:)' "$log" | tail -n 1)
  [[ -n $summary && ! $summary =~ ^'test cases: 0' ]] || summary=${summary:-"ended without a summary, exit code $code"}
  ((code != 124)) || summary="out of time"
  ((code == 0)) && [[ $summary == "All tests passed"* ]] || failures+=("$name: $summary (see $log)")
  skipped=$(grep -E '^ *skipped: ' "$log" | sort | uniq -c | sed 's/^ *//' | quote_lines)
  tests+=("{\"name\": $(string "$name"), \"exit\": $code, \"seconds\": $((SECONDS - start)), \"summary\": $(string "$summary"), \"skipped\": $(list <<<"$skipped")}")
  rows+="| $name | $summary |"$'\n'
}
quote_lines() { while read -r line; do string "$line"; echo; done; }
if $quick; then
  run_tests kernel_tests 100 "$bin/kernel_tests" '[pose],[procrustes],[pool]'
  run_tests ops_on_device 100 "$bin/peclr_tests" '[procrustes],[pose25d]'
else
  run_tests kernel_tests 100 "$bin/kernel_tests"
  # Convolutions of bf16 compile for each backend that a test makes, a second a shape.
  run_tests ops_on_device 180 "$bin/peclr_tests" \
    '[norm],[ops],[ntxent],[equivariance],[procrustes],[augment],[optimizer],[tape],[pose25d],[hand],[resnet],[memory]'
fi

# ---- The pre-training step: the whole program, loader included.
if $quick; then size=(18 32 4) pictures=8 epochs=2 warm_up=1; else size=(50 128 512) pictures=1024 epochs=30 warm_up=12; fi
# Activations in f32 take some 30 GB then: a quarter of it, for as many steps, on smaller cards.
memory_gib=$(timeout -k 5 30 "$bin/peclr" info 2>/dev/null | sed -n 's/^cuda:0, .*, \([0-9]*\)\.[0-9]* GiB,.*/\1/p')
$quick || ((${memory_gib:-0} >= 38)) || { size[2]=128 epochs=8; }
read -r depth side batch <<<"${size[*]}"
recipe="ResNet-$depth, $side px, $batch pictures (two views each), LARS-Adam"
measured=()
# quartiles: of numbers, one a line: low, median, high, count.
quartiles() { sort -g | awk '{v[NR] = $1} END {if (NR) printf "%.6g %.6g %.6g %d\n", v[int((NR - 1) * .25 + 1.5)], v[int((NR - 1) * .5 + 1.5)], v[int((NR - 1) * .75 + 1.5)], NR}'; }
rm -rf "$out/hands" "$out"/pretrain_*
step_rows=''
limited 60 "$bin/peclr" synth --out "$out/hands" --count $pictures --seed 1 >"$out/synth.log" 2>&1 || failures+=("peclr synth (see $out/synth.log)")
for precision in bf16 tf32; do
  log=$out/pretrain_$precision.log
  limited 120 "$bin/peclr" pretrain device="$device" precision=$precision data.train="$out/hands" out="$out/pretrain_$precision" \
    model.depth="$depth" model.input="$side" train.batch_size="$batch" train.accumulate=1 train.epochs=$epochs \
    train.optimizer=lars train.save_seconds=3600 >"$log" 2>&1
  code=$?
  read -r low median high runs <<<"$(sed -n 's/.*"images_per_s": \([0-9.e+]*\).*/\1/p' "$out/pretrain_$precision/metrics.jsonl" 2>/dev/null |
    tail -n +$((warm_up + 1)) | quartiles)"
  ((code == 0)) && [[ -n $median ]] || failures+=("peclr pretrain $precision: exit code $code (see $log)")
  measured+=("{\"name\": \"peclr pretrain\", \"precision\": \"$precision\", \"views_per_s\": {\"median\": ${median:-null}, \"low\": ${low:-null}, \"high\": ${high:-null}, \"runs\": ${runs:-0}}}")
  step_rows+="| peclr pretrain, loader included | $precision | ${median:-failed} | ${low:-} .. ${high:-} | ${runs:-0} |"$'\n'
  ! $quick || break
done
rm -rf "$out/hands" "$out"/pretrain_*/*.safetensors

# ---- Benchmarks: every one that writes JSON.
benchmarks=()
bench_tables=''
for bench in "$bin"/*_bench; do
  [[ -x $bench ]] || continue
  name=$(basename "$bench")
  help=$(timeout -k 5 30 "$bench" --help 2>&1) || { failures+=("$name does not start: $(tail -n 1 <<<"$help")"); continue; }
  grep -q -- '--json' <<<"$help" || continue
  options=(--json "$out/$name.json")
  # At the batch that fits; the plans for its convolutions are there by now.
  [[ $name != gpu_step_bench ]] || options+=(--views $((2 * batch)))
  ! $quick || options+=(--quick)
  if limited 90 "$bench" "${options[@]}" >"$out/$name.md" 2>"$out/$name.log" && [[ -s $out/$name.json ]]; then
    benchmarks+=("$(string "$name"): $(<"$out/$name.json")")
    bench_tables+=$'\n'"## $name"$'\n\n'"$(<"$out/$name.md")"$'\n'
  else
    failures+=("$name (see $out/$name.log)")
  fi
done

# ---- The step in PyTorch, last: it gets what time is left.
pytorch='{"skipped": "this Python has no PyTorch with a GPU"}'
pytorch_note="PyTorch: skipped, $python has none that sees a GPU."
torch_device=cpu
[[ $device == simt ]] || torch_device=cuda
if limited 60 "$python" -c "import torch, sys; sys.exit('$torch_device' == 'cuda' and not torch.cuda.is_available())" 2>/dev/null; then
  options=(--device $torch_device --depth "$depth" --size "$side" --batch "$batch" --json "$out/pytorch.json")
  ! $quick || options+=(--quick)
  rm -f "$out/pytorch.json"
  limited 170 "$python" "$root/benchmarks/pytorch_baseline.py" "${options[@]}" >"$out/pytorch.md" 2>"$out/pytorch.log"
  code=$?
  pytorch_note=$(sed -n 's/^> //p' "$out/pytorch.md")
  if [[ -s $out/pytorch.json ]]; then
    pytorch=$(<"$out/pytorch.json")
    step_rows+=$(grep '^|' "$out/pytorch.md")$'\n'
  else
    pytorch="{\"failed\": $(tail -n 1 "$out/pytorch.log" | quote)}"
  fi
  # A foreign program's fault is told, but is none of this build; what it had measured counts.
  ((code == 0)) || pytorch_note+=" PyTorch: failed or out of time (exit code $code), see $out/pytorch.log."
fi

# ---- One JSON, one Markdown.
version=$("$bin/peclr" --version)
info=$(timeout -k 5 30 "$bin/peclr" info 2>&1 | tail -n +2)
card=$(nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit,clocks.max.sm --format=csv,noheader 2>/dev/null || true)
passed=true
((${#failures[@]} == 0)) || passed=false
{
  printf '{"passed": %s, "quick": %s, "device": "%s", "seconds": %d,\n' $passed $quick "$device" $SECONDS
  printf '"version": %s,\n"info": %s,\n' "$(string "$version")" "$(quote_lines <<<"$info" | list)"
  printf '"nvidia_smi": %s,\n' "$([[ -z $card ]] && echo '[]' || quote_lines <<<"$card" | list)"
  printf '"system": %s,\n' "$(string "$(uname -sr), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)")"
  printf '"failures": %s,\n' "$( ((${#failures[@]})) && printf '%s\n' "${failures[@]}" | quote_lines | list || echo '[]')"
  printf '"goldens": {"passed": %d, "failed": %d, "tensors": %s},\n' "$golden_passed" "$golden_failed" "$(list <"$goldens")"
  printf '"tests": %s,\n' "$(printf '%s\n' "${tests[@]}" | list)"
  printf '"step": {"recipe": %s, "measured": %s},\n' "$(string "$recipe")" "$(printf '%s\n' "${measured[@]}" | list)"
  printf '"pytorch": %s,\n"benchmarks": {' "$pytorch"
  comma=''
  for entry in ${benchmarks[@]+"${benchmarks[@]}"}; do printf '%s%s' "$comma" "$entry"; comma=', '; done
  printf '}}\n'
} >"$out/results.json"
{
  printf '# peclr on %s\n\n%s\n\n' "$device" "$version"
  sed 's/^/- /' <<<"$info"
  [[ -z $card ]] || sed 's/^/- nvidia-smi: /' <<<"$card"
  printf '\n| check | result |\n|---|---|\n%s\n' "$rows"
  printf 'Pre-training step: %s. %s\n\n' "$recipe" "$pytorch_note"
  printf '| program | precision | views/s, median | quartiles | runs |\n|---|---|---|---|---|\n%s' "$step_rows"
  printf '%s' "$bench_tables"
  printf '\n%d s in all. ' $SECONDS
  $passed && echo 'All passed.' || printf 'FAILED:\n\n%s' "$(printf -- '- %s\n' "${failures[@]}")"
} | sed '/^$/N;/^\n$/D' >"$out/results.md"
cat "$out/results.md"
$passed || { printf 'gpu_check.sh: failed: %s\n' "${failures[0]}" >&2; exit 1; }
