# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it, which set `settings` (of the command line, for all trainings) before: `peclr` is the program,
# `root` the project's or the archive's folder. What is finished is kept, a training goes on where it was.
here=$PWD
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
if [[ -n ${PECLR:-} ]]; then
  peclr=$(realpath -e "$PECLR")
elif [[ -x $root/bin/peclr ]]; then
  peclr=$root/bin/peclr
else
  source "$root/tools/setup.sh"
  preset=release
  if command -v nvcc >/dev/null; then preset=cuda; fi
  build "$preset" peclr
  peclr=$root/build/$preset/peclr
  cd "$here"
fi

# Of `settings`, what commands that do not train have, too.
using=()
for setting in "${settings[@]}"; do
  [[ $setting == train.* || $setting == augment.* || $setting == model.* ]] || using+=("$setting")
done

# once FILE COMMAND...: runs the command unless FILE is there.
once() {
  local file=$1
  shift
  [[ -e $file ]] && return
  printf '\n== %s (%d min)\n' "$file" $((SECONDS / 60)) >&2
  "$@"
}

# train COMMAND CONFIG RUN WEIGHTS|- SETTING...
train() {
  local command=$1 config=$2 run=$3 start=()
  [[ $4 == - ]] || start=(--init-from "$4")
  shift 4
  [[ -e $run/last.safetensors ]] && start+=(--resume)
  once "$run/model.safetensors" "$peclr" "$command" "$config" "${start[@]}" "$@" "${settings[@]}" out="$run"
}

# verify SET FILE: once, and again if it found something, lest hours of training end at one damaged picture. Makes FILE.
verify() {
  once "$2" bash -c '"$1" verify "$2" && touch "$3"' - "$peclr" "$1" "$2"
}
