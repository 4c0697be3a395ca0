#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the hot loops left uninlined lies in a namespace of its instruction set (kernels/host_device.h): of several weak copies
# the linker keeps one, perhaps one that the processor cannot run. hot_symbols_test.sh FOLDER_OF_PROGRAMS
source "$(dirname "${BASH_SOURCE[0]}")/support/script.sh"
command -v nm >/dev/null || exit 77

# shared ISA OBJECT...: the weak symbols that another instruction set's objects may have, too.
shared() {
  local isa=$1
  shift
  nm -C "$@" | grep -E ' [WVu] ' | grep -v "peclr::$isa::" || true
}

for isa in v3 v4 v4bf16; do
  objects=("${PECLR%/*}/CMakeFiles/peclr_hot_$isa.dir/engine/cpu/hot/"*.o)
  [[ -e ${objects[0]} ]] || continue # a build for one instruction set
  left=$(shared $isa "${objects[@]}")
  [[ -z $left ]] || fail "$isa shares with other instruction sets: $left"
done

# planted NAMESPACE: an object with a function of it that was not inlined.
planted() {
  printf 'namespace %s { template <class T> T f(T x) { return x; } }\nint (*taken)(int) = &%s::f<int>;\n' "$1" "$1" |
    c++ -x c++ -std=c++20 -c -o planted.o -
}
command -v c++ >/dev/null || exit 0
planted peclr
[[ $(shared v4 planted.o) == *'peclr::f<int>'* ]] || fail "a planted function was not seen"
planted peclr::v4
[[ -z $(shared v4 planted.o) ]] || fail "a function of its own namespace is refused"
