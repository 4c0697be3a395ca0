#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The table of the authors' README: ResNet-50 or ResNet-152, pre-trained on FreiHAND and YouTube-3D-Hands, fine-tuned on FreiHAND,
# scored on its evaluation set; beside it the same network without PeCLR's pre-training, from ImageNet's weights.
#   tools/reproduce/paper.sh 50|152 FREIHAND YOUTUBE MATRIX IMAGENET [SETTING...]
# FREIHAND: training and evaluation with its truth, in one folder. YOUTUBE: holds youtube_train.json and youtube/. MATRIX:
# mano_mesh_to_joints_mat.pth of PeCLR's repository. IMAGENET: torchvision's resnet50-….pth or resnet152-….pth. SETTING: for all
# trainings, e.g. gpu=1. PECLR names the program, where it is neither an archive's nor to be built here.
# Stop it when you like and start it again: what is finished is kept, a training goes on where it was.
set -euo pipefail
usage() {
  sed -n '5,9s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
[[ $# -ge 5 && ($1 == 50 || $1 == 152) ]] || usage
depth=$1
freihand=$(realpath -e "$2") youtube=$(realpath -e "$3") matrix=$(realpath -e "$4") imagenet=$(realpath -e "$5")
settings=("${@:6}")
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
configs=$root/tools/configs/paper
out=out/paper

# score PRETRAINED NAME: fine-tunes from it, scores, and writes the server's file.
score() {
  local run=$out/rn${depth}_finetune_$2
  train finetune "$configs/rn${depth}_finetune.yaml" "$run" "$1" "data.train=[$freihand]"
  once "$run/scores.json" "$peclr" evaluate "data.eval=$freihand" "${using[@]}" out="$run"
  once "$run/pred.json" "$peclr" predict --submission "data.eval=$freihand" "${using[@]}" out="$run"
}

mkdir -p "$out"
verify "$freihand" "$out/freihand.verified"
hands=$out/youtube_hands
# In a folder of another name until it is whole: prepare begins in an empty one.
cut_hands() {
  rm -rf "$hands" "$hands.part"
  "$peclr" prepare youtube "$youtube" --mano-joints "$matrix" --out "$hands.part"
  mv "$hands.part" "$hands"
}
once "$hands/training_K.json" cut_hands

pretrained=$out/rn${depth}_pretrain
train pretrain "$configs/rn${depth}_pretrain.yaml" "$pretrained" "$imagenet" \
  "data.train=[{path: $freihand, weight: 1}, {path: $hands, weight: 1}]"
score "$pretrained/model.safetensors" peclr
score "$imagenet" imagenet

"$peclr" report "$pretrained" "$out/rn${depth}"_finetune_* --out "$out/rn$depth.html"
"$peclr" results "$out/rn${depth}"_finetune_* --out "$out/rn$depth.json"
case $depth in
  50) echo 'the authors, from their README: PeCLR, ResNet-50: EPE 4.71 cm, AUC 0.357, PA-EPE 0.71 cm, PA-AUC 0.860' ;;
  152) echo 'the authors, from their README: PeCLR, ResNet-152: EPE 4.56 cm, AUC 0.360, PA-EPE 0.66 cm, PA-AUC 0.868' ;;
esac
