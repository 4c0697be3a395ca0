#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What pre-training is worth where labels are few: ResNet-50 fine-tuned on 1, 10 and 100 % of FreiHAND's labels, with as many steps
# each, from random weights and after pre-training with SimCLR and with PeCLR on the same pictures, three seeds; scored on its
# evaluation set.
#   tools/reproduce/labels.sh FREIHAND [IMAGENET|-] [SETTING...]
# FREIHAND: training and evaluation with its truth, in one folder. IMAGENET: torchvision's resnet50-….pth: pre-training starts from
# it, and so does a fourth row. SETTING: for all trainings, e.g. gpu=1 precision=bf16. In the environment: SEEDS ("1 2 3"), LABELS
# ("0.01 0.1 1"), EPOCHS of all labels (30), and PECLR, the program, where it is neither an archive's nor to be built here.
# Stop it when you like and start it again: what is finished is kept, a training goes on where it was.
set -euo pipefail
if [[ $# -lt 1 ]]; then
  sed -n '6,9s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
freihand=$(realpath -e "$1") imagenet=${2:--}
[[ $imagenet == - ]] || imagenet=$(realpath -e "$imagenet")
settings=("${@:3}")
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
read -ra seeds <<<"${SEEDS:-1 2 3}"
read -ra shares <<<"${LABELS:-0.01 0.1 1}"
epochs=${EPOCHS:-30}
configs=$root/tools/configs
out=out/labels
[[ $imagenet == - ]] || out=out/labels_imagenet  # whose pre-trainings started elsewhere

# pretrain NAME SEED SETTING...
pretrain() {
  local name=$1 seed=$2
  shift 2
  train pretrain "$configs/pretrain.yaml" "$out/pretrain_${name}_$seed" "$imagenet" "data.train=$freihand" seed="$seed" "$@"
}

# finetune NAME SEED WEIGHTS|-: on each share of the labels, and scores.
finetune() {
  local share run
  for share in "${shares[@]}"; do
    run=$out/$1_${share}_$2
    train finetune "$configs/finetune.yaml" "$run" "$3" "data.train=$freihand" seed="$2" data.labels="$share" \
      train.epochs="$(awk -v e="$epochs" -v s="$share" 'BEGIN { printf "%d", e / s + 0.5 }')"
    once "$run/scores.json" "$peclr" evaluate "data.eval=$freihand" "${using[@]}" out="$run"
  done
}

mkdir -p "$out"
verify "$freihand" "$out/freihand.verified"
for seed in "${seeds[@]}"; do
  finetune scratch "$seed" -
  [[ $imagenet == - ]] || finetune imagenet "$seed" "$imagenet"
  # SimCLR in the composition that its authors found best: without rotation.
  pretrain simclr "$seed" method=simclr augment.rotate=0
  pretrain peclr "$seed" method=peclr
  for name in simclr peclr; do
    finetune "$name" "$seed" "$out/pretrain_${name}_$seed/model.safetensors"
  done
done

runs=()
for name in scratch imagenet simclr peclr; do
  for share in "${shares[@]}"; do
    for seed in "${seeds[@]}"; do
      [[ ! -e $out/${name}_${share}_$seed/scores.json ]] || runs+=("$out/${name}_${share}_$seed")
    done
  done
done
"$peclr" report "$out"/pretrain_* "${runs[@]}" --out "$out.html"
"$peclr" results "${runs[@]}" --format markdown | tee "$out.md"
