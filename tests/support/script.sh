# SPDX-License-Identifier: Apache-2.0
# Sourced by tests that are scripts: `root` is the project's folder, `fail TEXT` ends the test, and the working folder is a new one
# that goes with it. Where FOLDER_OF_PROGRAMS is given, PECLR names the program.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "$(basename "$0"): $1" >&2; exit 1; }
if [[ $# -gt 0 ]]; then
  PECLR=$(cd "$1" && pwd)/peclr
  export PECLR
fi
cd "$folder"
