#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves training on this machine's GPU, for which gpu_check.sh has no time: 200 steps of PeCLR on synthetic hands, whose loss
# must follow the CPU's no worse than the CPU's own follows another seed's; two runs with one seed, in f32 and in bf16, whose
# weights must be equal to the bit; and the kernels' tests under compute-sanitizer, where it is installed. Writes results.md,
# anew after each row, and logs.tgz.
#
#   tools/gpu_proof.sh [--only bits,curve,memcheck,racecheck,initcheck] [--seconds N, default 3600] [--quick] [--out FOLDER]
#
# A row that runs out of time says so and is no failure. --quick takes tiny sizes. PECLR_DEVICE=simt takes the emulator of a build
# for tests, PECLR_BIN another folder of programs, PYTHON another Python than python3 (whose packages may hold cuDNN),
# COMPUTE_SANITIZER another compute-sanitizer.
# Exit codes: 0 all is well, 1 something failed or nothing was shown, 2 the command line, 4 there is no GPU (one line says why).
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name=gpu_proof help_lines=3,13 known="bits curve memcheck racecheck initcheck" limit_s=3600
source "$root/tools/gpu_programs.sh"

slot=([golden]=600)
! wants bits curve || slot+=([synth]=30 [device_1]=180)
! wants bits || slot+=([device_again]=60 [bf16_1]=90 [bf16_again]=60)
! wants curve || slot+=([cpu_1]=300 [cpu_2]=300 [cpu_3]=300)
for tool in memcheck racecheck initcheck; do ! wants $tool || slot[$tool]=600; done

limited golden "$bin/peclr" golden --device "$device" "$root/tests/golden/pose25d.safetensors" >/dev/null 2>"$logs/golden.log"
code=$?
((code != 4)) || refuse 4 "$(tail -n 1 "$logs/golden.log")"
((code == 0)) || refuse 1 "a golden fails (exit code $code): $(tail -n 1 "$logs/golden.log")"
begin_results

if $quick; then pictures=16 size=32 epochs=1 window=2; else pictures=256 size=64 epochs=25 window=20; fi
failures=() passed=0 rows='' first_row=''
curves=$work/curves.txt
markdown() {
  printf '# Training on %s\n\n%s\n\n' "$device" "$version"
  sed 's/^/- /' <<<"$info"
  printf '\nPeCLR, ResNet-18, %d pixels, %d steps of 2 x %d views, LARS-Adam, f32 where nothing else is said.\n\n' $size $((8 * epochs)) $((pictures / 8))
  printf '| check | found | result |\n|---|---|---|\n%s\n' "$rows"
  [[ -s $curves ]] || return 0
  printf '| steps | CPU, seed 1 | seed 2 | seed 3 | %s, seed 1 |\n|---|---|---|---|---|\n' "$device"
  awk -v n=$window '{printf "| %d to %d | %.4f | %.4f | %.4f | %.4f |\n", (NR - 1) * n + 1, NR * n, $1, $2, $3, $4}' "$curves"
}
# report CHECK FOUND RESULT
report() {
  rows+="| $1 | $2 | $3 |"$'\n' first_row=${first_row:-"$1: $3, $2"}
  case $3 in
    passed*) ((++passed)) ;;
    FAILED*) failures+=("$1: $2") ;;
  esac
  save_results
}

# ---- Runs: eight steps an epoch. f32, so that only the order of sums differs; equal bits in bf16, too, whose gradients of weights
# are engines that cuDNN compiles.
declare -A codes
# train NAME DEVICE SEED [PRECISION]
train() {
  limited "$1" "$bin/peclr" pretrain device="$2" seed="$3" precision="${4:-f32}" data.train="$work/hands" out="$work/$1" model.depth=18 \
    model.input=$size train.batch_size=$((pictures / 8)) train.accumulate=1 train.epochs=$epochs train.optimizer=lars >"$logs/$1.log" 2>&1
  codes[$1]=$?
  cp "$work/$1/metrics.jsonl" "$logs/$1.jsonl" 2>/dev/null
  ((codes[$1] == 0))
}
# ended CHECK RUN...: did all of them? If not, the first that did not is the check's row.
ended() {
  local check=$1 run
  shift
  for run; do
    case ${codes[$run]} in
      0) ;;
      124) report "$check" "$run needs longer" "$out_of_time"; return 1 ;;
      4) report "$check" "$(tail -n 1 "$logs/$run.log")" skipped; return 1 ;;  # a device without bf16
      *) report "$check" "$run: exit code ${codes[$run]} (see $run.log)" FAILED; return 1 ;;
    esac
  done
}
if wants bits curve; then
  limited synth "$bin/peclr" synth --out "$work/hands" --count $pictures --seed 1 >"$logs/synth.log" 2>&1 ||
    refuse 1 "peclr synth ended with exit code $?: $(tail -n 1 "$logs/synth.log")"
  train device_1 "$device" 1
fi
# same_bits CHECK RUN AGAIN
same_bits() {
  ended "$@" || return 0
  if cmp -s "$work/$2/model.safetensors" "$work/$3/model.safetensors"; then
    report "$1" "weights of $(stat -c %s "$work/$2/model.safetensors") bytes" "passed: equal"
  else
    report "$1" "weights" "FAILED: they differ"
  fi
}
if wants bits; then
  ((codes[device_1] != 0)) || train device_again "$device" 1
  same_bits "two runs, one seed" device_1 device_again
  train bf16_1 "$device" 1 bf16 && train bf16_again "$device" 1 bf16
  same_bits "two runs, one seed, bf16" bf16_1 bf16_again
fi

# ---- Loss curves: means over windows of steps.
windows() { sed -n 's/.*"loss": \([^,]*\),.*/\1/p' "$work/$1/metrics.jsonl" | awk -v n=$window '{s += $1} NR % n == 0 {print s / n; s = 0}'; }
if wants curve; then
  ((codes[device_1] != 0)) || { train cpu_1 cpu 1 && train cpu_2 cpu 2 && train cpu_3 cpu 3; }
  if ended "loss curve" device_1 cpu_1 cpu_2 cpu_3; then
    paste -d ' ' <(windows cpu_1) <(windows cpu_2) <(windows cpu_3) <(windows device_1) >"$curves"
    # What is not a number is no agreement; some awks take NaN for equal to all, so its letters are looked for.
    curve=$(awk -v n=$window 'function abs(x) { return x < 0 ? -x : x }
      NF == 4 && !/[a-df-z]/ { ++windows; gap += abs($4 - $1); spread += (abs($1 - $2) + abs($2 - $3) + abs($3 - $1)) / 3 }
      END { if (windows < NR || windows < 1) print "not all steps have a loss"
            else printf "mean distance of %d windows of %d steps: %.5f from the CPU with the same seed, %.5f between CPU seeds %s\n",
                        windows, n, gap / windows, spread / windows, gap <= spread ? "(within)" : "(beyond)" }' "$curves")
    report "loss curve" "$curve" "$([[ $curve == *'(within)' ]] && echo passed || echo FAILED)"
  fi
fi

# ---- compute-sanitizer: the kernels' own tests. Calls that fail are not reported: libraries try what a driver has.
sanitizer=${COMPUTE_SANITIZER:-}
[[ -n $sanitizer || $device != cuda ]] || sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
for tool in memcheck racecheck initcheck; do
  wants $tool || continue
  check="compute-sanitizer $tool" log=$logs/$tool.log
  [[ -x $sanitizer ]] || { report "$check" "it is not here" skipped; continue; }
  limited $tool "$sanitizer" --tool $tool --report-api-errors no --error-exitcode 9 \
    "$bin/kernel_tests" '[kernels]' --warn NoTests >"$log" 2>&1
  code=$?
  if ((code == 0)) && grep -q '^All tests passed' "$log"; then
    report "$check" "$(tail -n 1 "$log")" passed
  elif ((code == 124)); then
    report "$check" "the kernels' tests need longer" "$out_of_time"
  elif grep -q 'Device not supported' "$log"; then
    report "$check" "$(grep -m 1 'Device not supported' "$log")" skipped  # some virtual machines have no debugging of their card
  else
    report "$check" "exit code $code (see $tool.log)" FAILED
  fi
done

cat "$out/results.md"
((${#failures[@]} == 0)) || refuse 1 "failed: ${failures[0]}"
((passed > 0)) || refuse 1 "nothing was shown: $first_row"
