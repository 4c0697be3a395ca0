#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The small tables of docs/results.md, in less than three hours on two cores: real photos and synthetic hands, scratch
# against SimCLR against PeCLR, three seeds; and what rotation does to SimCLR and to PeCLR.
#   tools/reproduce/small.sh [DATA]   DATA: a folder with hand_photos (pictures in a folder a class) and real_hands (FreiHAND's layout);
#                                   without it only the synthetic part runs
# Stop it when you like and start it again: what is finished is kept, a training goes on where it was.
set -euo pipefail
data=$(realpath "${1:-/nonexistent}" 2>/dev/null || true)
settings=(model.depth=18 model.input=64)
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[[ $("$peclr" info) == *"bf16 faster"* ]] && precision=bf16 || precision=f32
settings+=(precision=$precision) using+=(precision=$precision)
configs=$root/tools/configs
out=out/small
mkdir -p "$out"
seeds=(1 2 3)

# pretrain RUN SEED SETTING...
pretrain() {
  local run=$1 seed=$2
  shift 2
  train pretrain "$configs/pretrain.yaml" "$run" - seed="$seed" train.accumulate=1 train.optimizer=adam "$@"
}

# Fine-tunes and scores: finetune RUN SEED PRETRAINED|- HANDS SETTING...
finetune() {
  local run=$1 seed=$2 from=$3 hands=$4
  shift 4
  [[ $from == - ]] || from=$from/model.safetensors
  train finetune "$configs/demo/finetune.yaml" "$run" "$from" seed="$seed" data.train="$hands" "$@"
  once "$run/scores.json" "$peclr" evaluate data.eval="$hands" "${using[@]}" out="$run"
}

# probe RUN SEED PRETRAINED|- PICTURES
probe() {
  local start=()
  [[ $3 == - ]] || start=(--init-from "$3/model.safetensors")
  once "$1/probe.json" "$peclr" probe "${settings[@]}" "${start[@]}" seed="$2" data.train="$4" out="$1"
}

# SimCLR in the composition its authors found best (no rotation), PeCLR with rotation.
declare -A method=([simclr]="method=simclr augment.rotate=0" [peclr]="method=peclr")

real_part() {
  local photos=$data/hand_photos hands=$data/real_hands o=$out/real seed name from
  for seed in "${seeds[@]}"; do
    for name in scratch simclr peclr; do
      from=-
      if [[ $name != scratch ]]; then
        from=$o/pretrain_${name}_$seed
        # shellcheck disable=SC2086
        pretrain "$from" "$seed" ${method[$name]} data.train="[$photos, $hands]" train.epochs=10 train.batch_size=128 \
          train.warmup_epochs=1
      fi
      probe "$o/digits_${name}_$seed" "$seed" "$from" "$photos"
      probe "$o/joints_${name}_$seed" "$seed" "$from" "$hands"
      finetune "$o/labels10_${name}_$seed" "$seed" "$from" "$hands" data.labels=0.1 train.batch_size=15 train.epochs=60
      finetune "$o/labels100_${name}_$seed" "$seed" "$from" "$hands" data.labels=1 train.batch_size=20 train.epochs=12
    done
  done
  for name in scratch simclr peclr; do
    once "$o/labels100_${name}_1/predictions.json" "$peclr" predict data.eval="$hands" "${using[@]}" out="$o/labels100_${name}_1" --draw 12
  done
}

# Into a folder of another name until they are whole: synth begins in an empty one.
render_hands() {
  rm -rf "$1" "$1.part"
  "$peclr" synth --out "$1.part" --count 2000 --seed 1
  mv "$1.part" "$1"
}

synthetic_part() {
  local hands=$out/hands o=$out/synthetic seed name from border rotate
  once "$hands/training_K.json" render_hands "$hands"
  # What rotation does: each method with and without it, on black and on mirrored borders.
  for seed in "${seeds[@]}"; do
    for border in black reflect; do
      for name in simclr peclr; do
        for rotate in 0 45; do
          from=$o/pretrain_${name}_${rotate}_${border}_$seed
          pretrain "$from" "$seed" method="$name" augment.rotate=$rotate augment.border=$border data.train="$hands" \
            train.epochs=15 train.batch_size=64 train.warmup_epochs=1
          probe "$o/joints_${name}_${rotate}_${border}_$seed" "$seed" "$from" "$hands"
        done
      done
    done
    probe "$o/joints_scratch_$seed" "$seed" - "$hands"
    for name in scratch simclr_0 peclr_45; do
      from=$o/pretrain_${name}_black_$seed
      [[ $name == scratch ]] && from=-
      finetune "$o/labels10_${name}_$seed" "$seed" "$from" "$hands" data.labels=0.1 train.epochs=60
      finetune "$o/labels100_${name}_$seed" "$seed" "$from" "$hands" data.labels=1 train.epochs=8
    done
  done
}

if [[ -d $data/real_hands ]]; then real_part; else echo "no real photos given: synthetic hands only"; fi
synthetic_part

# Each part as one page, and its fine-tuned runs as a table on the terminal.
for part in real synthetic; do
  [[ -d $out/$part ]] || continue
  "$peclr" report "$out/$part"/* --out "$out/$part.html"
  "$peclr" results "$out/$part"/labels*
done
