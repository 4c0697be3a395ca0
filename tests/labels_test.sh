#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/reproduce/labels.sh from end to end, on rendered hands in a folder whose name wants quotes. labels_test.sh FOLDER_OF_PROGRAMS
source "$(dirname "${BASH_SOURCE[0]}")/support/script.sh"
"$PECLR" synth --out 'my hands' --count 20 2>log
tiny=(device=cpu threads=1 precision=f32 model.depth=18 model.input=32 train.batch_size=4 train.accumulate=1 train.warmup_epochs=0)
# labels SEEDS WEIGHTS|-
labels() { SEEDS=$1 LABELS='0.5 1' EPOCHS=1 "$root/tools/reproduce/labels.sh" 'my hands' "$2" "${tiny[@]}" train.epochs=1 >table 2>log; }
labels '1 2' - || { cat log; fail "the script failed"; }
[[ $(grep -c '±' table) == 6 ]] || { cat table; fail "the table has not three methods on two shares over two seeds"; }
for file in labels.html labels.md labels/peclr_0.5_2/scores.json labels/pretrain_simclr_1/model.safetensors; do
  [[ -s out/$file ]] || fail "out/$file is not there"
done
grep -q 'rotate: 0$' out/labels/pretrain_simclr_1/config.yaml || fail "SimCLR was pre-trained with rotation"

# Again: nothing is done twice. From ImageNet's weights, played by a pre-training's, all is done anew, with a fourth method.
before=$(stat -c '%n %Y %i' out/labels/*/model.safetensors)
labels '1 2' - || { cat log; fail "the second call failed"; }
labels 1 out/labels/pretrain_peclr_1/model.safetensors || { cat log; fail "the script failed with weights to start from"; }
[[ $before == "$(stat -c '%n %Y %i' out/labels/*/model.safetensors)" ]] || fail "a training was done again"
[[ $(grep -c '^| ' table) == 10 ]] || { cat table; fail "the table has not four methods on two shares"; }
grep -q 'init_from: .*pretrain_peclr_1' out/labels_imagenet/pretrain_simclr_1/config.yaml || fail "SimCLR did not start from the weights"
