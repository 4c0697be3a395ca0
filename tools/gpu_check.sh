#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves this build on this machine's GPU and measures it there, in under eight minutes: goldens, tests, benchmarks, and the
# same step in PyTorch where there is one. Writes results.md and results.json, anew after each part, and logs.tgz.
#
#   tools/gpu_check.sh [--only tests,step,benchmarks,pytorch] [--seconds N, default 470] [--quick] [--out FOLDER]
#
# Goldens always run. In a full run PyTorch gets what time is left; compiled, it wants --only pytorch, which measures our own step
# beside it. What is out of time says so; it is a failure of tests, and of all that --only asks for.
# --quick takes tiny sizes. PECLR_DEVICE=simt takes the emulator of a build for tests, PECLR_BIN another folder of programs,
# PYTHON another Python than python3. Exit codes: 0 all is well, 1 something failed or no golden ran, 2 the command line, 4
# there is no GPU (one line says why).
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name=gpu_check help_lines=3,13 known="tests step benchmarks pytorch" limit_s=470
source "$root/tools/gpu_programs.sh"

benches=()  # every one that writes JSON
not_starting=()
for bench in "$bin"/*_bench; do
  wants benchmarks || { wants pytorch && [[ $bench == */gpu_step_bench ]]; } || continue
  [[ -x $bench ]] || continue
  help=$(timeout -k 5 30 "$bench" --help 2>&1) || not_starting+=("${bench##*/} does not start: $(tail -n 1 <<<"$help")")
  ! grep -q -- '--json' <<<"$help" || benches+=("${bench##*/}")
done
slot=([goldens]=60)
! wants tests || slot+=([kernel_tests]=50 [ops_on_device]=100)
! wants step benchmarks pytorch || slot+=([synth]=30 [plans_bf16]=130)
! wants step pytorch || slot[pretrain_bf16]=60
! wants step || $quick || slot+=([plans_tf32]=50 [pretrain_tf32]=25)
for bench in ${benches[@]+"${benches[@]}"}; do slot[$bench]=35; done
[[ -z ${slot[gpu_step_bench]:-} ]] || slot[gpu_step_bench]=60  # it compiles the step's plans anew
! wants pytorch || slot[pytorch]=20

# ---- Text of others inside of JSON and tables.
quote() { tr -d '\000-\010\013-\037' | tr '\t\n' '  ' | sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/ *$/"/'; }
list() { local line comma=''; printf '['; while read -r line; do [[ -z $line ]] || { printf '%s%s' "$comma" "$line"; comma=', '; }; done; printf ']'; }
string() { printf '%s' "$1" | quote; }
quote_lines() { while read -r line; do [[ -z $line ]] || { string "$line"; echo; }; done; }
lines() { (($# == 0)) || printf '%s\n' "$@"; }

# ---- One JSON, one Markdown, of what there is so far.
failures=() not_measured=() tests=() measured=() benchmarks=() finished=false
rows='' step_rows='' bench_tables='' pytorch_note='' pytorch='{"skipped": "not asked for"}'
card=$(nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit,clocks.max.sm --format=csv,noheader 2>/dev/null)
passes() { $finished && ((${#failures[@]} == 0)); }
json() {
  printf '{"passed": %s, "finished": %s, "quick": %s, "device": "%s", "seconds": %d,\n' \
    "$(passes && echo true || echo false)" $finished $quick "$device" $SECONDS
  printf '"version": %s,\n"info": %s,\n' "$(string "$version")" "$(quote_lines <<<"$info" | list)"
  printf '"nvidia_smi": %s,\n' "$(quote_lines <<<"$card" | list)"
  printf '"system": %s,\n' "$(string "$(uname -sr), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)")"
  printf '"failures": %s,\n' "$(lines ${failures[@]+"${failures[@]}"} | quote_lines | list)"
  printf '"not_measured": %s,\n' "$(lines ${not_measured[@]+"${not_measured[@]}"} | quote_lines | list)"
  printf '"goldens": {"passed": %d, "failed": %d, "tensors": %s},\n' "$golden_passed" "$golden_failed" "$(list <"$logs/goldens.jsonl")"
  printf '"tests": %s,\n' "$(lines ${tests[@]+"${tests[@]}"} | list)"
  printf '"step": {"recipe": %s, "measured": %s},\n' "$(string "$recipe")" "$(lines ${measured[@]+"${measured[@]}"} | list)"
  printf '"pytorch": %s,\n"benchmarks": {' "$pytorch"
  local comma='' entry
  for entry in ${benchmarks[@]+"${benchmarks[@]}"}; do printf '%s%s' "$comma" "$entry"; comma=', '; done
  printf '}}\n'
}
markdown() {
  printf '# peclr on %s\n\n%s\n\n' "$device" "$version"
  sed 's/^/- /' <<<"$info"
  [[ -z $card ]] || sed 's/^/- nvidia-smi: /' <<<"$card"
  printf '\n| check | result |\n|---|---|\n%s\n' "$rows"
  printf 'Pre-training step: %s. %s\n\n' "$recipe" "$pytorch_note"
  printf '| program | precision | views/s, median | quartiles | runs |\n|---|---|---|---|---|\n%s' "$step_rows"
  printf '%s' "$bench_tables"
  printf '\n%d s in all. ' $SECONDS
  if passes; then
    echo 'All passed.'
  else
    $finished || echo 'Not finished.'
    ((${#failures[@]} == 0)) || printf 'FAILED:\n\n%s\n' "$(printf -- '- %s\n' "${failures[@]}")"
  fi
}
# late PART: out of time.
late() { not_measured+=("$1"); rows+="| $1 | $out_of_time |"$'\n'; }

# ---- Goldens first: without a device they say so, and that is all.
if $quick; then size=(18 32 4) pictures=8 epochs=2 warm_up=1; else size=(50 128 512) pictures=1024 epochs=30 warm_up=12; fi
# Activations in f32 take some 30 GB then: a quarter of it, for as many steps, on smaller cards.
memory_gib=$(timeout -k 5 30 "$bin/peclr" info 2>/dev/null | sed -n 's/^cuda:0, .*, \([0-9]*\)\.[0-9]* GiB,.*/\1/p')
$quick || ((${memory_gib:-0} >= 38)) || { size[2]=128 epochs=8; }
read -r depth side batch <<<"${size[*]}"
recipe="ResNet-$depth, $side px, $batch pictures (two views each), LARS-Adam"
limited goldens "$bin/peclr" golden --json --device "$device" "$root/tests/golden" >"$logs/goldens.jsonl" 2>"$logs/goldens.log"
golden_exit=$?
((golden_exit != 4)) || { tail -n 1 "$logs/goldens.log" >&2; exit 4; }
golden_passed=$(grep -c '"pass": true}$' "$logs/goldens.jsonl")
golden_failed=$(grep -c '"pass": false}$' "$logs/goldens.jsonl")
((golden_passed + golden_failed > 0)) || refuse 1 "no golden ran: $(tail -n 1 "$logs/goldens.log")"
begin_results
failures+=(${not_starting[@]+"${not_starting[@]}"})
((golden_failed == 0 && golden_exit == 0)) || failures=("goldens: $golden_failed failed, exit code $golden_exit" ${failures[@]+"${failures[@]}"})
rows="| goldens | $golden_passed passed, $golden_failed failed |"$'\n'
save_results

# ---- Tests.
# run_tests NAME PROGRAM ARGUMENT...
run_tests() {
  local name=$1 log=$logs/$1.log start=$SECONDS code summary skipped
  shift
  PECLR_QUICK=1 PECLR_TEST_DEVICE=$device limited "$name" "$@" --warn NoTests -d yes >"$log" 2>&1
  code=$?
  summary=$(grep -E '^(All tests passed|test cases:)' "$log" | tail -n 1)
  : "${summary:=ended without a summary, exit code $code}"
  ((code != 124)) || summary=$out_of_time
  ((code == 0)) && [[ $summary == "All tests passed"* ]] || failures+=("$name: $summary (see $name.log)")
  skipped=$(grep -E '^ *skipped: ' "$log" | sort | uniq -c | sed 's/^ *//' | quote_lines)
  tests+=("{\"name\": $(string "$name"), \"exit\": $code, \"seconds\": $((SECONDS - start)), \"summary\": $(string "$summary"), \"skipped\": $(list <<<"$skipped")}")
  rows+="| $name | $summary |"$'\n'
  save_results
}
if ! wants tests; then
  :
elif $quick; then
  run_tests kernel_tests "$bin/kernel_tests" '[pose],[procrustes],[pool]'
  run_tests ops_on_device "$bin/peclr_tests" '[procrustes],[pose25d]'
else
  # cuDNN compiles some of its plans, a second each. Left out are the tests that ask it for a plan of every shape, which need no
  # card, and those of [memory] that do so once more for each of their devices ([compiles]).
  run_tests kernel_tests "$bin/kernel_tests" '~cuDNN*'
  run_tests ops_on_device "$bin/peclr_tests" \
    '[norm],[ops],[ntxent],[equivariance],[procrustes],[augment],[optimizer],[tape],[pose25d],[hand],[resnet],[memory]~[compiles]'
fi

# ---- The pre-training step: the whole program, loader included.
# quartiles: of numbers, one a line: low, median, high, count.
quartiles() { sort -g | awk '{v[NR] = $1} END {if (NR) printf "%.6g %.6g %.6g %d\n", v[int((NR - 1) * .25 + 1.5)], v[int((NR - 1) * .5 + 1.5)], v[int((NR - 1) * .75 + 1.5)], NR}'; }
# pretrain PART PRECISION EPOCHS; leaves PART.jsonl
pretrain() {
  local code
  limited "$1" "$bin/peclr" pretrain device="$device" precision="$2" data.train="$work/hands" out="$work/run" \
    model.depth="$depth" model.input="$side" train.batch_size="$batch" train.accumulate=1 train.epochs="$3" \
    train.optimizer=lars train.save_seconds=3600 >"$logs/$1.log" 2>&1
  code=$?
  cp "$work/run/metrics.jsonl" "$logs/$1.jsonl" 2>/dev/null
  rm -rf "$work/run"
  return $code
}
# An epoch that only looks for plans of convolutions, which takes up to two minutes and is remembered: rows then measure.
make_plans() {
  local start=$SECONDS
  pretrain "plans_$1" "$1" 1
  case $? in
    0) rows+="| plans, $1 | $((SECONDS - start)) s |"$'\n' ;;
    124) rows+="| plans, $1 | not finished (out of time) |"$'\n' ;;
    *) failures+=("peclr pretrain $1, its first epoch (see plans_$1.log)") ;;
  esac
  save_results
}
measure_pretrain() {
  local code low median high runs
  pretrain "pretrain_$1" "$1" $epochs
  code=$?
  read -r low median high runs <<<"$(sed -n 's/.*"images_per_s": \([0-9.e+]*\).*/\1/p' "$logs/pretrain_$1.jsonl" 2>/dev/null |
    tail -n +$((warm_up + 1)) | quartiles)"
  if ((code == 124)); then
    [[ -n $median ]] || late "peclr pretrain $1"  # what it had measured counts
  elif ((code != 0)) || [[ -z $median ]]; then
    failures+=("peclr pretrain $1: exit code $code (see pretrain_$1.log)")
  fi
  measured+=("{\"name\": \"peclr pretrain\", \"precision\": \"$1\", \"views_per_s\": {\"median\": ${median:-null}, \"low\": ${low:-null}, \"high\": ${high:-null}, \"runs\": ${runs:-0}}}")
  step_rows+="| peclr pretrain, loader included | $1 | ${median:-none} | ${low:-} .. ${high:-} | ${runs:-0} |"$'\n'
  save_results
}
if [[ -n ${slot[synth]:-} ]]; then
  limited synth "$bin/peclr" synth --out "$work/hands" --count $pictures --seed 1 >"$logs/synth.log" 2>&1 || failures+=("peclr synth: exit code $? (see synth.log)")
fi
for precision in bf16 tf32; do
  [[ -z ${slot[plans_$precision]:-} ]] || make_plans $precision
  [[ -z ${slot[pretrain_$precision]:-} ]] || measure_pretrain $precision
done

# ---- Benchmarks.
for bench in ${benches[@]+"${benches[@]}"}; do
  options=(--json "$logs/$bench.json")
  [[ $bench != gpu_step_bench ]] || options+=(--views $((2 * batch)))  # what fits, and has its plans
  # As many steps as PyTorch's rows are the median of.
  [[ $bench != gpu_step_bench ]] || options+=(--rounds 100)
  ! $quick || options+=(--quick)
  limited "$bench" "$bin/$bench" "${options[@]}" >"$logs/$bench.md" 2>"$logs/$bench.log"
  code=$?
  if ((code == 124)); then
    late "$bench"
  elif ((code == 0)) && [[ -s $logs/$bench.json ]]; then
    benchmarks+=("$(string "$bench"): $(<"$logs/$bench.json")")
  else
    failures+=("$bench: exit code $code (see $bench.log)")
  fi
  # What one that was stopped had printed is not lost.
  [[ ! -s $logs/$bench.md ]] || bench_tables+=$'\n'"## $bench"$'\n\n'"$(<"$logs/$bench.md")"$'\n'
  save_results
done

# ---- The step in PyTorch, last: it gets what time is left. A foreign program's fault is told, but is none of this build.
if wants pytorch; then
  torch_device=cpu
  [[ $device == simt ]] || torch_device=cuda
  options=(--device $torch_device --depth "$depth" --size "$side" --batch "$batch" --json "$logs/pytorch.json")
  ! $quick || options+=(--quick)
  limited pytorch "$python" "$root/benchmarks/pytorch_baseline.py" "${options[@]}" >"$logs/pytorch.md" 2>"$logs/pytorch.log"
  code=$?
  pytorch_note=$(sed -n 's/^> //p' "$logs/pytorch.md")
  step_rows+=$(grep '^|' "$logs/pytorch.md")
  said=$(tail -n 1 "$logs/pytorch.log")
  case $code in
    0) ;;
    3 | 127) pytorch_note+="PyTorch: skipped, ${said:-no $python}." ;;
    124) pytorch_note+=" PyTorch: out of time $([[ -n $pytorch_note ]] && echo 'before all was measured' || echo 'while it was imported')." ;;
    *) pytorch_note+=" PyTorch: failed (exit code $code), see pytorch.log." ;;
  esac
  if [[ -s $logs/pytorch.json ]]; then
    pytorch=$(<"$logs/pytorch.json")
    step_rows+=$'\n'
  else
    pytorch="{\"skipped\": $(string "$pytorch_note $said")}"
    not_measured+=(PyTorch)
  fi
fi

[[ -z $only || ${#not_measured[@]} -eq 0 ]] || failures+=("not measured: ${not_measured[*]}")
finished=true
save_results
cat "$out/results.md"
passes || refuse 1 "failed: ${failures[0]}"
