#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/gpu_proof.sh from end to end on the emulator, and the faults that it must catch.
# gpu_proof_test.sh FOLDER_OF_PROGRAMS
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder  # for what a killed run leaves
source "$root/tests/support/kept_runs.sh"
programs=$(cd "$1" && pwd)
fail() { echo "gpu_proof_test.sh: $1" >&2; exit 1; }
export PECLR_DEVICE=simt
PECLR_BIN=$programs "$root/tools/gpu_proof.sh" --quick --out "$folder/out" || fail "the proof of a good build failed"
[[ $(ls "$folder/out") == $'logs.tgz\nresults.md' ]] || fail "more or less than two files: $(ls "$folder/out")"
grep -q '/device_1.log$' <<<"$(tar -tzf "$folder/out/logs.tgz")" || fail "logs.tgz has no log"
grep -q '^| two runs, one seed, bf16 | .* | \(passed\|skipped\)' "$folder/out/results.md" || fail "results.md has no runs in bf16"
grep -q '^| two runs, one seed | .* | passed' "$folder/out/results.md" || fail "two runs are not equal"
grep -q '^| 7 to 8 | [0-9.]* | [0-9.]* | [0-9.]* | [0-9.]* |' "$folder/out/results.md" || fail "results.md has no curve"

# Planted: a device whose loss is another one; one whose loss is no number; one whose weights differ from run to run; one that
# takes too long; no device.
refused() { # CODE WORDS ARGUMENT...
  local got=0 code=$1 words=$2
  shift 2
  "$root/tools/gpu_proof.sh" --quick --out "$folder/out" "$@" >"$folder/stdout" 2>"$folder/stderr" || got=$?
  [[ $got == "$code" ]] && grep -q -- "$words" "$folder/stderr" || { cat "$folder/stderr"; fail "'$words': exit code $got, not $code"; }
}
told() { grep -q -- "$1" "$folder/out/results.md" || { cat "$folder/out/results.md"; fail "results.md does not have: $1"; }; }
# On the device the program does its work, then what $1 says.
plant() {
  mkdir -p "$folder/bin"
  keep_runs "$programs/peclr" "$folder/bin/peclr" "$folder/kept" "[[ \" \$* \" != *' device=simt '* ]] || { $1; }"
}
export PECLR_BIN=$folder/bin
plant 'sed -i "s/\"loss\": [0-9]/&9/" "$out/metrics.jsonl"'
refused 1 'loss curve: .*(beyond)' --only curve
! grep -q 'two runs' "$folder/out/results.md" || fail "--only curve has another row"
plant 'sed -i "s/\"loss\": [^,]*/\"loss\": nan/" "$out/metrics.jsonl"'
refused 1 'loss curve' --only curve
plant 'echo $RANDOM$$ >>"$out/model.safetensors"'
refused 1 'two runs, one seed' --only bits
grep -q 'device=simt.*precision=bf16' <<<"$(ls "$folder/kept")" || fail "the row of bf16 was run in something else"
touch "$folder/hang"
hang="while [ -e $folder/hang ]; do sleep .2; done"
plant "$hang"
refused 1 'nothing was shown: two runs' --only bits --seconds 30
told '^| two runs, one seed | device_1 needs longer | not measured'

# A compute-sanitizer that finds nothing, one that finds something, one that takes too long; tests of which none matches.
plant :
cat >"$folder/bin/sanitizer" <<SH
#!/bin/sh
case "\$*" in
  *memcheck*--report-api-errors\ no*) $hang ;;
  *racecheck*) exit 9 ;;
esac
while [ "\$1" != "$folder/bin/kernel_tests" ]; do shift; done
exec "\$@"
SH
printf '#!/bin/sh\necho "========= Error: Device not supported"; exit 1\n' >"$folder/bin/unsupported"
printf '#!/bin/sh\n[ "$*" = "[kernels] --warn NoTests" ] && echo "All tests passed"\n' >"$folder/bin/kernel_tests"
chmod +x "$folder"/bin/*
export COMPUTE_SANITIZER=$folder/bin/sanitizer
refused 1 'failed: compute-sanitizer racecheck' --only memcheck,racecheck --only initcheck --seconds 24
told '^| compute-sanitizer memcheck | .* | not measured'
told '^| compute-sanitizer racecheck | exit code 9'
told '^| compute-sanitizer initcheck | .* | passed'
printf '#!/bin/sh\necho "No test cases matched"\n' >"$folder/bin/kernel_tests"
refused 1 'failed: compute-sanitizer initcheck' --only initcheck
COMPUTE_SANITIZER=$folder/bin/unsupported refused 1 'nothing was shown: compute-sanitizer memcheck: skipped' --only memcheck
! "$programs/kernel_tests" '[no such tag]' --warn NoTests >/dev/null || fail "kernel_tests passes without a test"
for suite in augment elementwise equivariance norm ntxent optimizer pool pose procrustes; do
  grep -q . <<<"$("$programs/kernel_tests" --list-test-names-only "[kernels][$suite]")" || fail "no test has [kernels][$suite]"
done

# Killed while it is at a later row, it has left the first.
"$root/tools/gpu_proof.sh" --quick --out "$folder/killed" --only bits,memcheck >/dev/null 2>&1 &
victim=$!
for ((i = 0; i < 600; ++i)); do ! grep -qs 'passed: equal' "$folder/killed/results.md" || break; sleep .2; done
kill -9 $victim || fail "it did not wait for compute-sanitizer"
grep -q 'passed: equal' "$folder/killed/results.md" && tar -tzf "$folder/killed/logs.tgz" >/dev/null || fail "a killed run leaves nothing"
rm "$folder/hang"

PECLR_DEVICE=cuda PECLR_BIN=$programs refused 4 'device=cuda'
refused 2 'known are bits' --only bits,speed
refused 2 'needs some of' --only
refused 2 'needs a number' --seconds soon
