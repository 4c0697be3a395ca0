#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves training on this machine's GPU, for which gpu_check.sh has no time: 200 steps of PeCLR on synthetic hands, whose loss must
# follow the CPU's no worse than the CPU's own follows another seed's; two runs with one seed, whose weights must be equal to the
# bit; and the kernels' tests under compute-sanitizer, where it is installed. Writes results.md.
#
#   tools/gpu_proof.sh [--quick] [--out FOLDER, default gpu_proof]
#
# --quick takes tiny sizes. PECLR_DEVICE=simt takes the emulator of a build for tests, PECLR_BIN another folder of programs,
# PYTHON another Python than python3 (whose packages may hold cuDNN).
# Exit codes: 0 all is well, 1 something failed, 2 the command line, 4 there is no GPU (one line says why).
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name=gpu_proof help_lines=3,11
source "$root/tools/gpu_programs.sh"

problem=$("$bin/peclr" golden --device "$device" "$root/tests/golden/pose25d.safetensors" 2>&1 >/dev/null)
code=$?
((code != 4)) || refuse 4 "$(tail -n 1 <<<"$problem")"
((code == 0)) || refuse 1 "a golden fails: $(tail -n 1 <<<"$problem")"
mkdir -p "$out" && out=$(cd "$out" && pwd) || refuse 2 "$out: cannot be made; choose another --out"
rm -rf "$out"/{hands,cpu_*,device_*}

failures=()
rows=''
report() { rows+="| $1 | $2 | $3 |"$'\n'; [[ $3 == passed* || $3 == skipped* ]] || failures+=("$1: $2"); }

# ---- Runs: eight steps an epoch. f32, so that only the order of sums differs.
if $quick; then pictures=16 size=32 epochs=1 window=2; else pictures=256 size=64 epochs=25 window=20; fi
"$bin/peclr" synth --out "$out/hands" --count $pictures --seed 1 >"$out/synth.log" 2>&1 || refuse 1 "peclr synth failed (see $out/synth.log)"
# train NAME DEVICE SEED
train() {
  "$bin/peclr" pretrain device="$2" seed="$3" precision=f32 data.train="$out/hands" out="$out/$1" model.depth=18 model.input=$size \
    train.batch_size=$((pictures / 8)) train.accumulate=1 train.epochs=$epochs train.optimizer=lars >"$out/$1.log" 2>&1 ||
    refuse 1 "peclr pretrain device=$2 ended with exit code $? (see $out/$1.log)"
}
for seed in 1 2 3; do train cpu_$seed cpu $seed; done
train device_1 "$device" 1
train device_again "$device" 1
if cmp -s "$out/device_1/model.safetensors" "$out/device_again/model.safetensors"; then
  report "two runs, one seed" "weights of $(stat -c %s "$out/device_1/model.safetensors") bytes" "passed: equal"
else
  report "two runs, one seed" "weights" "FAILED: they differ"
fi

# ---- Loss curves: means over windows of steps.
windows() { sed -n 's/.*"loss": \([^,]*\),.*/\1/p' "$out/$1/metrics.jsonl" | awk -v n=$window '{s += $1} NR % n == 0 {print s / n; s = 0}'; }
paste -d ' ' <(windows cpu_1) <(windows cpu_2) <(windows cpu_3) <(windows device_1) >"$out/curves.txt"
# What is not a number is no agreement; some awks take NaN for equal to all, so its letters are looked for.
curve=$(awk -v n=$window 'function abs(x) { return x < 0 ? -x : x }
  NF == 4 && !/[a-df-z]/ { ++windows; gap += abs($4 - $1); spread += (abs($1 - $2) + abs($2 - $3) + abs($3 - $1)) / 3 }
  END { if (windows < NR || windows < 1) print "not all steps have a loss"
        else printf "mean distance of %d windows of %d steps: %.5f from the CPU with the same seed, %.5f between CPU seeds %s\n",
                    windows, n, gap / windows, spread / windows, gap <= spread ? "(within)" : "(beyond)" }' "$out/curves.txt")
report "loss curve" "$curve" "$([[ $curve == *'(within)' ]] && echo passed || echo FAILED)"

# ---- compute-sanitizer: the kernels' own tests, small as they are.
sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
for tool in memcheck racecheck initcheck; do
  if [[ $device != cuda || ! -x $sanitizer ]]; then
    report "compute-sanitizer $tool" "it is not here" skipped
  elif timeout -k 5 600 "$sanitizer" --tool $tool --error-exitcode 9 "$bin/kernel_tests" '[kernels]' >"$out/$tool.log" 2>&1; then
    report "compute-sanitizer $tool" "$(tail -n 1 "$out/$tool.log")" passed
  else
    report "compute-sanitizer $tool" "exit code $? (see $out/$tool.log)" FAILED
  fi
done

{
  printf '# Training on %s\n\n%s\n\n' "$device" "$("$bin/peclr" --version)"
  "$bin/peclr" info 2>&1 | tail -n +2 | sed 's/^/- /'
  printf '\nPeCLR, ResNet-18, %d pixels, %d steps of 2 x %d views, LARS-Adam, f32.\n\n' $size $((8 * epochs)) $((pictures / 8))
  printf '| check | found | result |\n|---|---|---|\n%s\n' "$rows"
  printf '| steps | CPU, seed 1 | seed 2 | seed 3 | %s, seed 1 |\n|---|---|---|---|---|\n' "$device"
  awk -v n=$window '{printf "| %d to %d | %.4f | %.4f | %.4f | %.4f |\n", (NR - 1) * n + 1, NR * n, $1, $2, $3, $4}' "$out/curves.txt"
} >"$out/results.md"
cat "$out/results.md"
rm -rf "$out/hands" "$out"/{cpu,device}_*/*.safetensors
((${#failures[@]} == 0)) || refuse 1 "failed: ${failures[0]}"
