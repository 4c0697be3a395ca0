#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/gpu_proof.sh from end to end on the emulator, and the faults that it must catch.
# gpu_proof_test.sh FOLDER_OF_PROGRAMS
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
programs=$(cd "$1" && pwd)
fail() { echo "gpu_proof_test.sh: $1" >&2; exit 1; }
export PECLR_DEVICE=simt
PECLR_BIN=$programs "$root/tools/gpu_proof.sh" --quick --out "$folder/out" || fail "the proof of a good build failed"
grep -q '^| two runs, one seed | .* | passed' "$folder/out/results.md" || fail "results.md has no equal runs"
grep -q '^| 7 to 8 | [0-9.]* | [0-9.]* | [0-9.]* | [0-9.]* |' "$folder/out/results.md" || fail "results.md has no curve"

# Planted: a device whose loss is another one; one whose loss is no number; one whose weights differ from run to run; no device.
refused() { # CODE WORDS
  local got=0
  "$root/tools/gpu_proof.sh" --quick --out "$folder/out" >"$folder/stdout" 2>"$folder/stderr" || got=$?
  [[ $got == "$1" ]] && grep -q -- "$2" "$folder/stderr" || { cat "$folder/stderr"; fail "'$2': exit code $got, not $1"; }
}
# On the device the program does its work, then what $1 says.
plant() {
  mkdir -p "$folder/bin"
  cat >"$folder/bin/peclr" <<SH
#!/usr/bin/env bash
"$programs/peclr" "\$@" || exit
[[ " \$* " == *" device=simt "* ]] || exit 0
for word; do [[ \$word != out=* ]] || out=\${word#out=}; done
$1
SH
  chmod +x "$folder/bin/peclr"
}
export PECLR_BIN=$folder/bin
plant 'sed -i "s/\"loss\": [0-9]/&9/" "$out/metrics.jsonl"'
refused 1 'loss curve: .*(beyond)'
plant 'sed -i "s/\"loss\": [^,]*/\"loss\": nan/" "$out/metrics.jsonl"'
refused 1 'loss curve'
plant 'echo $RANDOM$$ >>"$out/model.safetensors"'
refused 1 'two runs, one seed'
PECLR_DEVICE=cuda PECLR_BIN=$programs refused 4 'device=cuda'
