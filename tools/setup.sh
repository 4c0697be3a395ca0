# SPDX-License-Identifier: Apache-2.0
# Sourced by the other scripts: installs what is missing on Debian 12 and goes to the project's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Debian's CMake files of libdnnl-dev ask for OpenCL, which the package does not depend on.
packages=(g++ cmake ninja-build libdnnl-dev ocl-icd-opencl-dev libyaml-cpp-dev libstb-dev libjpeg62-turbo-dev zlib1g-dev libcli11-dev
          libfmt-dev nlohmann-json3-dev catch2 libbenchmark-dev)

# install PACKAGE...: those that are missing.
install() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  echo "installing: ${missing[*]}"
  local sudo=()
  [[ $EUID -eq 0 ]] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
}
install "${packages[@]}"

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset" ${1:+--target "$@"}
}
