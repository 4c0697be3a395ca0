#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/gpu_check.sh from end to end on the emulator, and the faults that it must catch.
# gpu_check_test.sh FOLDER_OF_PROGRAMS CMAKE
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder  # for what a killed run leaves
source "$root/tests/support/kept_runs.sh"
export PECLR_BIN=$(cd "$1" && pwd) PECLR_DEVICE=simt PYTHON=${PYTHON:-false}
cmake=$2
fail() { echo "gpu_check_test.sh: $1" >&2; exit 1; }

"$root/tools/gpu_check.sh" --quick --out "$folder/out" || fail "the check of a good build failed"
cat >"$folder/read.cmake" <<'CMAKE'
file(READ ${FILE} text)
string(JSON passed GET "${text}" passed)
string(JSON goldens GET "${text}" goldens passed)
string(JSON tensors LENGTH "${text}" goldens tensors)
string(JSON tests LENGTH "${text}" tests)
string(JSON rate GET "${text}" step measured 0 views_per_s median)
if(NOT passed OR NOT goldens GREATER 0 OR NOT tensors EQUAL goldens OR NOT tests EQUAL 2 OR NOT rate GREATER 0)
  message(FATAL_ERROR "results.json: passed ${passed}, goldens ${goldens} of ${tensors}, tests ${tests}, views/s ${rate}")
endif()
CMAKE
"$cmake" -DFILE="$folder/out/results.json" -P "$folder/read.cmake" || fail "results.json is not what it should be"
[[ $(ls "$folder/out") == $'logs.tgz\nresults.json\nresults.md' ]] || fail "not three files: $(ls "$folder/out")"
grep -q '/kernel_tests.log$' <<<"$(tar -tzf "$folder/out/logs.tgz")" || fail "logs.tgz has no log"
grep -q '^| goldens | [1-9]' "$folder/out/results.md" || fail "results.md has no goldens"

# Planted: no goldens; a golden with other bytes; a test that fails; a benchmark that does not start; a PyTorch that dies in
# its second measurement; parts that take too long; no PyTorch where it is asked for; a device that is not there.
refused() { # CODE WORDS COMMAND...
  local code=$1 words=$2 got=0
  shift 2
  "$@" >"$folder/stdout" 2>"$folder/stderr" || got=$?
  [[ $got == "$code" ]] && grep -q -- "$words" "$folder/stderr" || { cat "$folder/stderr"; fail "'$words': exit code $got, not $code"; }
}
mkdir -p "$folder/bare/tools" "$folder/bare/tests" "$folder/bin"
cp "$root"/tools/gpu_{check,programs}.sh "$folder/bare/tools"
refused 1 "no golden ran" "$folder/bare/tools/gpu_check.sh" --quick --out "$folder/bare/out"
mkdir "$folder/bare/tests/golden"
refused 1 "no golden ran" "$folder/bare/tools/gpu_check.sh" --quick --out "$folder/bare/out"
cp "$root"/tests/golden/{pose25d,metrics}.safetensors "$folder/bare/tests/golden"
head -c 4000 /dev/zero | dd of="$folder/bare/tests/golden/pose25d.safetensors" bs=1 seek=2000 conv=notrunc 2>/dev/null
keep_runs "$PECLR_BIN/peclr" "$folder/bin/peclr" "$folder/kept"
ln -s "$PECLR_BIN/peclr_tests" "$folder/bin/peclr_tests"
printf '#!/bin/sh\necho "test cases: 1 | 1 failed"; exit 1\n' >"$folder/bin/kernel_tests"
printf '#!/bin/sh\necho "libcudnn.so.9: cannot open shared object file" >&2; exit 127\n' >"$folder/bin/broken_bench"
cat >"$folder/bin/python" <<'PYTHON'
#!/bin/sh
while [ "$1" != --json ]; do shift; done
echo '{"steps": ["eager"]}' >"$2"
echo '> PyTorch of a test.'
echo '| PyTorch eager | bf16 | 1 | | 1 |'
exit 1
PYTHON
chmod +x "$folder/bin/kernel_tests" "$folder/bin/broken_bench" "$folder/bin/python"
PYTHON=$folder/bin/python PECLR_BIN=$folder/bin refused 1 "failed: goldens" "$folder/bare/tools/gpu_check.sh" --quick --out "$folder/bare/out"
told() { grep -q -- "$1" "$folder/bare/out/results.md" || fail "results.md does not have: $1"; }
told '^- kernel_tests: test cases: 1 | 1 failed'
told '^- broken_bench does not start: libcudnn.so.9: cannot'
told '^| PyTorch eager | bf16 | 1 |'
told 'PyTorch: failed (exit code 1)'
grep -q '^"pytorch": {"steps": \["eager"\]},' "$folder/bare/out/results.json" || fail "what PyTorch had measured is not kept"
# check WORDS_OF_THE_FAILURE ARGUMENT..., or '' where it passes: with tests that pass, over goldens that are whole.
printf '#!/bin/sh\necho "All tests passed (1 assertion in 1 test case)"\n' >"$folder/passes"
cp "$folder/passes" "$folder/bin/kernel_tests"
rm "$folder"/bin/{broken_bench,peclr_tests}
cp "$folder/passes" "$folder/bin/peclr_tests"
cp "$root/tests/golden/pose25d.safetensors" "$folder/bare/tests/golden"
chmod +x "$folder"/bin/*
check() {
  local words=$1 code=0
  shift
  PYTHON=$folder/bin/python PECLR_BIN=$folder/bin "$folder/bare/tools/gpu_check.sh" --quick --out "$folder/bare/out" "$@" \
    >"$folder/stdout" 2>"$folder/stderr" || code=$?
  [[ $code -eq $([[ -z $words ]] && echo 0 || echo 1) ]] && grep -q -- "$words" "$folder/stderr" "$folder/stdout" ||
    { cat "$folder/stdout" "$folder/stderr"; fail "$*: exit code $code, not '$words'"; }
}
touch "$folder/hang"
hang="while [ -e $folder/hang ]; do sleep .2; done"
stopped='exit 124'  # as if it had taken too long
plant() { # PROGRAM COMMAND: beside --help
  printf '#!/bin/sh\n[ "$1" != --help ] || { echo --json; exit; }\n%s\n' "$2" >"$folder/bin/$1"
  chmod +x "$folder/bin/$1"
}
plant slow_bench "echo '| half a table |'; $stopped"
check ''
told '^| slow_bench | not measured (out of time) |'
told '^| half a table |'
grep -q '^"not_measured": \["slow_bench"\]' "$folder/bare/out/results.json" || fail "results.json does not have what was not measured"
plant slow_bench "$hang"
check 'not measured: slow_bench' --only benchmarks --seconds 20
! grep -q '^| kernel_tests' "$folder/bare/out/results.md" || fail "--only benchmarks has tests"
rm "$folder/bin/slow_bench"
plant kernel_tests "$hang"
check 'failed: kernel_tests: not measured (out of time)' --only tests --seconds 20
told '^| ops_on_device | All tests passed'
cp "$folder/passes" "$folder/bin/kernel_tests"
ln -s "$PECLR_BIN/gpu_step_bench" "$folder/bin/gpu_step_bench"
check '' --only pytorch
for row in '| peclr pretrain, loader included | bf16 | [0-9]' '## gpu_step_bench' '| PyTorch eager | bf16 | 1 |'; do told "^$row"; done
grep -q 'precision=bf16' <<<"$(ls "$folder/kept")" || fail "the row of bf16 was measured in something else"
plant python "echo '> PyTorch of a test.'; $stopped"
check 'not measured: PyTorch' --only pytorch
told 'PyTorch of a test. PyTorch: out of time before all'
plant python "$stopped"
check 'not measured: PyTorch' --only pytorch
told 'PyTorch: out of time while it was imported'
plant python 'echo "PyTorch 9 sees no GPU" >&2; exit 3'
check 'not measured: PyTorch' --only pytorch
told 'PyTorch: skipped, PyTorch 9 sees no GPU'

# Libraries that the loader does not find, or that are not fit, are looked for in Python's wheels, before all others.
mkdir "$folder/cuda"
printf '#!/bin/sh\necho /wheels\n' >"$folder/cuda/python"
libraries() { # WORDS OF peclr info: where programs look for libraries then
  printf '#!/bin/sh\necho "cuda: %s"\n' "$1" >"$folder/cuda/peclr"
  chmod +x "$folder"/cuda/*
  (
    set --
    name=gpu_check known=tests limit_s=9 PECLR_DEVICE=cuda PECLR_BIN=$folder/cuda PYTHON=$folder/cuda/python
    export LD_LIBRARY_PATH=/old
    source "$root/tools/gpu_programs.sh"
    echo "$LD_LIBRARY_PATH"
  )
}
for words in 'cuDNN 9 was not found (libcudnn.so.9: cannot open)' 'cuDNN 9.1.0 for CUDA 12 is too old; install 9.8 or newer' \
  'cuDNN 9.9.0 for CUDA 12 was found, and this build is for CUDA 13'; do
  [[ $(libraries "$words") == /wheels:/old:/usr/local/cuda/lib64 ]] || fail "'$words': libraries in $(libraries "$words")"
done
[[ $(libraries 'cuDNN 9.19.0, cuBLASLt 13.1.0') == /old ]] || fail "libraries that are fit are looked for elsewhere"

PECLR_DEVICE=cuda refused 4 "device=cuda" "$root/tools/gpu_check.sh" --quick --out "$folder/none"
[[ $(wc -l <"$folder/stderr") == 1 && ! -s $folder/stdout && ! -e $folder/none ]] || fail "no GPU: more than one line"
refused 2 "known are" "$root/tools/gpu_check.sh" --fast
refused 2 "known are tests" "$root/tools/gpu_check.sh" --only goldens
