#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up a fresh Debian 12, builds build/release/peclr and runs all tests.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install libopencv-dnn-dev libopencv-imgproc-dev  # which read what peclr export writes
build release
ctest --preset release -j 2
