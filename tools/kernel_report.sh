#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What nvcc makes of every kernel: threads of a block, registers of a thread, and bytes of shared memory of a block, of stack
# and of spills of a thread. Fails where a kernel spills registers to memory.
# kernel_report.sh [ARCHITECTURE, default sm_90] [FILE.cu...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

nvcc=${CUDACXX:-$(command -v nvcc || true)}
if [[ -z $nvcc ]]; then
  echo "kernel_report.sh: skipped, as there is no nvcc (NVIDIA's CUDA toolkit)"
  exit 0
fi
architecture=${1:-sm_90}
shift || true
files=("$@")
((${#files[@]})) || files=(kernels/*.cu)

# Side by side, each into a file of its own, which are then read in the order given.
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
compile() { # FILE REPORT
  "$nvcc" -std=c++20 "-arch=$architecture" -O3 --expt-relaxed-constexpr -I. -Xptxas -v -c "$1" -o /dev/null 2>&1 |
    c++filt | sed "s|^|$1: |" >"$2" || { cat "$2"; return 1; }
}
export nvcc architecture
export -f compile
i=0
for file in "${files[@]}"; do printf '%s\0%s/%03d\0' "$file" "$reports" $((i++)); done |
  xargs -0 -n 2 -P "$(nproc)" bash -o pipefail -c 'compile "$@" || exit 255' - || exit 1

awk '
  # ... void peclr::kernels::kernel<peclr::kernels::(anonymous namespace)::NormSums, 256, 64ul>(...::NormSums::Params)
  /Compiling entry function/ {
    file = $1; sub(/:$/, "", file); sub(/^kernels\//, "", file)
    name = $0
    sub(/^[^\047]*\047/, "", name); sub(/\047.*$/, "", name)
    if (match(name, /kernel<.*>\(/)) name = substr(name, RSTART + 7, RLENGTH - 9)
    threads = shared = 0
    if (match(name, /, [0-9]+, [0-9]+ul$/)) {
      split(substr(name, RSTART + 2), launch, /, |ul/)
      threads = launch[1]; shared = launch[2]
      name = substr(name, 1, RSTART - 1)
    }
    gsub(/peclr::|kernels::|\(anonymous namespace\)::|base::/, "", name)
    gsub(/_GLOBAL__N__[0-9a-z_]*::/, "", name)
  }
  /bytes stack frame/ {
    stack = spills = 0
    for (i = 1; i <= NF; ++i) {
      if ($(i + 2) == "stack") stack = $i
      if ($(i + 1) == "bytes" && $(i + 2) == "spill") spills += $i
    }
  }
  /Used [0-9]+ registers/ {
    registers = 0
    for (i = 1; i <= NF; ++i) if ($i == "Used") registers = $(i + 1)
    format = "%-22s %-44s %7s %9s %6s %5s %6s\n"
    if (!count++) printf format, "file", "kernel", "threads", "registers", "shared", "stack", "spills"
    printf format, file, name, threads, registers, shared, stack, spills
    if (spills > 0) bad = bad " " name
  }
  END {
    if (!count) { print "kernel_report.sh: no kernel was found"; exit 1 }
    if (bad) { print "kernel_report.sh: spills in" bad; exit 1 }
  }' "$reports"/*
