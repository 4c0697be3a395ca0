#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# package_test.sh ARCHIVE: what `--target package` makes runs from an empty folder, by its own libraries and no others than
# those of every system and CUDA's.
set -euo pipefail
archive=$(realpath "$1")
fail() { echo "package_test: $*" >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(($(stat -c %s "$archive") < 60 << 20)) || fail "$(du -h "$archive"): larger than 60 MiB"
tar xf "$archive" -C "$folder"
root=$(echo "$folder"/*)
clean() { env -i HOME="$folder" PATH=/usr/bin:/bin "$@"; }

# strange_libraries: "program library" of what comes from elsewhere, or from nowhere.
strange_libraries() {
  local program
  for program in "$root"/bin/*; do
    clean ldd "$program" | awk -v root="$root/" -v program="$(basename "$program")" '
      /linux-vdso|ld-linux/ { next }
      $1 ~ /^lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)\.so/ { next }
      $1 ~ /^lib(cuda|cudart|cublas|cublasLt|cudnn.*|nvrtc.*)\.so/ { next }
      index($3, root) != 1 { print program, $1 }'
  done
}
strange=$(strange_libraries)
[[ -z $strange ]] || fail "libraries that are not in the archive: $strange"
# A library that was forgotten is seen.
forgotten=$(ls "$root"/lib/libyaml-cpp.so* | head -n 1)
mv "$forgotten" "$folder/forgotten"
[[ -n $(strange_libraries) ]] || fail "a missing library is not seen"
mv "$folder/forgotten" "$forgotten"

cd "$root"
clean bin/peclr info >/dev/null || fail "peclr info"
clean bin/peclr golden --device cpu tests/golden >/dev/null || fail "peclr golden --device cpu"
for tests in 'golden:*' 'settings:*' 'JPEG pixels*' '[report]'; do
  clean bin/peclr_tests "$tests" --warn NoTests >"$folder/out" 2>&1 || { cat "$folder/out"; fail "peclr_tests $tests"; }
done
clean bin/kernel_tests '[cuda],[floors]' --warn NoTests >/dev/null 2>&1 || fail "kernel_tests"
if ! nvidia-smi >/dev/null 2>&1; then
  for check in gpu_check gpu_proof; do
    code=0
    clean tools/$check.sh --out "$folder/check" >"$folder/out" 2>"$folder/err" || code=$?
    [[ $code -eq 4 && $(wc -l <"$folder/err") -eq 1 && ! -s $folder/out ]] ||
      fail "$check.sh without a GPU: exit code $code, and it says: $(cat "$folder/out" "$folder/err")"
  done
fi
echo "package_test: $(du -h "$archive" | cut -f 1), $(ls bin | wc -l) programs, $(ls lib/*.so* | wc -l) libraries of its own"
