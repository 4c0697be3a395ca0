#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job on synthetic hands, in about three minutes on two cores: pre-train with PeCLR and with SimCLR, fine-tune with few labels from each
# and from scratch with the same budget, evaluate. Leaves out/demo/results.json and
# out/demo/report.html, and prints the table.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
build release peclr

peclr=build/release/peclr
out=out/demo
rm -rf "$out"
mkdir -p "$out"
[[ $("$peclr" info) == *"bf16 faster"* ]] && precision=bf16 || precision=f32
seed=1
labels=0.1
common=(seed=$seed precision=$precision model.depth=18 model.input=64)
started=$SECONDS

step() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - started)); }

step "synthetic hands: 1,000 to train on, 100 to score on"
"$peclr" synth --out "$out/hands" --count 1000 --seed $seed

for method in peclr simclr; do
  step "pre-training: $method (labels serve for cropping alone)"
  "$peclr" pretrain tools/configs/demo/pretrain.yaml "${common[@]}" method=$method data.train="$out/hands" \
    out="$out/pretrain_$method"
done

runs=()
for method in scratch simclr peclr; do
  step "fine-tuning with $labels of the labels: $method"
  start=()
  [[ $method == scratch ]] || start=(--init-from "$out/pretrain_$method/model.safetensors")
  run="$out/finetune_$method"
  "$peclr" finetune tools/configs/demo/finetune.yaml "${common[@]}" "${start[@]}" data.train="$out/hands" \
    data.labels=$labels out="$run"
  "$peclr" evaluate precision=$precision data.eval="$out/hands" out="$run" >/dev/null
  runs+=("$run")
done

step "results: $out/results.json"
"$peclr" results "${runs[@]}" --out "$out/results.json"

step "report: $out/report.html"
"$peclr" report "$out"/pretrain_{peclr,simclr} "${runs[@]}" --out "$out/report.html"
