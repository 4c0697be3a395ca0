#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The kernels' tests on PTX in which something is wrong must fail: ptx_faults_test.sh BUILD_FOLDER
set -euo pipefail
build=$1
damaged=$(mktemp -d)
trap 'rm -rf "$damaged"' EXIT

# fault WHAT FILE SED_EXPRESSION TESTS
fault() {
  cp "$build"/ptx/*.ptx "$damaged"
  sed -i -E "$3" "$damaged/$2.ptx"
  if cmp -s "$build/ptx/$2.ptx" "$damaged/$2.ptx"; then
    echo "$1: $2.ptx has nothing of the kind"
    exit 1
  fi
  if PECLR_PTX=$damaged "$build/kernel_tests" "$4" >"$damaged/output" 2>&1; then
    echo "$1: not seen by $4"
    exit 1
  fi
  if ! grep -qE 'test cases:.*failed' "$damaged/output" || grep -qE '\.ptx:[0-9]+:|has no kernel|SIGSEGV' "$damaged/output"; then
    cat "$damaged/output"
    exit 1
  fi
  echo "$1: seen"
}

fault "two words of a matrix for the tensor cores change places" ntxent_forward \
  's/(mma\.sync.*\}, \{%r[0-9]+), (%r[0-9]+), (%r[0-9]+)/\1, \3, \2/' "NT-Xent kernels in bf16*"
fault "a matrix is loaded as it is, not transposed" ntxent_backward 's/\.x4\.trans/.x4/' "NT-Xent kernels in bf16*"
fault "two halves of a word change places" ntxent_backward \
  's/(cvt\.rn\.bf16x2\.f32 %r[0-9]+), (%f[0-9]+), (%f[0-9]+)/\1, \3, \2/' "NT-Xent kernels in bf16*"
fault "a copy is not waited for" procrustes '/cp\.async\.wait_group/d' "procrustes kernel equals*"
fault "a barrier is missing" optimizer '/bar\.sync/d' "optimiser kernels follow*"
fault "a product is rounded to nearest, not down" augment 's/fma\.rm/fma.rn/' "augment kernel: every*"
fault "a sum is rounded to nearest, not towards zero" augment 's/add\.rz/add.rn/' "augment kernel: every*"
fault "bytes of the wrong half" augment 's/dp2a\.hi/dp2a.lo/' "augment kernel: every*"
fault "lanes exchange with themselves" equivariance \
  's/(shfl\.sync\.bfly\.b32\s+%r[0-9]+\|%p[0-9]+, %r[0-9]+), %r[0-9]+,/\1, 0,/' "equivariance kernels agree*"
