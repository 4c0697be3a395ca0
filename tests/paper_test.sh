#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/reproduce/paper.sh from end to end, on sets that are made here: rendered hands for FreiHAND, three meshes for
# YouTube-3D-Hands, a pre-trained network for ImageNet's. paper_test.sh FOLDER_OF_PROGRAMS
source "$(dirname "${BASH_SOURCE[0]}")/support/script.sh"
"$PECLR" synth --out hands --count 12 2>log

# Frames are rendered hands; every mesh lies in the middle of its frame, one is of a frame that is not there.
mkdir -p youtube/youtube/v
cp hands/training/rgb/00000000.jpg youtube/youtube/v/0.jpg
cp hands/training/rgb/00000001.jpg youtube/youtube/v/1.jpg
awk 'BEGIN {
  printf "{\"images\": ["
  for (i = 0; i < 3; i++) printf "%s{\"name\": \"youtube/v/%d.png\", \"width\": 224, \"height\": 224, \"id\": %d}", i ? ", " : "", i, i
  printf "], \"annotations\": ["
  for (i = 0; i < 3; i++) {
    printf "%s{\"is_left\": %d, \"image_id\": %d, \"id\": %d, \"vertices\": [", i ? ", " : "", i, i, i
    for (v = 0; v < 778; v++) printf "%s[%d, %d, 0]", v ? ", " : "", 82 + v % 60, 82 + v * 7 % 60
    printf "]}"
  }
  printf "]}\n"
}' >youtube/youtube_train.json
# [16, 778] in safetensors: each row is one vertex.
{
  printf '\x40\0\0\0\0\0\0\0%-64s' '{"m":{"dtype":"F32","shape":[16,778],"data_offsets":[0,49792]}}'
  for row in {1..16}; do
    head -c $((4 * row * 40)) /dev/zero
    printf '\0\0\x80\x3f'
    head -c $((4 * (777 - row * 40))) /dev/zero
  done
} >matrix.safetensors

tiny=(device=cpu threads=1 precision=f32 model.depth=18 model.input=32 train.epochs=1 train.batch_size=2 train.accumulate=1
      train.warmup_epochs=0)
"$PECLR" pretrain "${tiny[@]}" data.train=hands/training out=start 2>log || { cat log; fail "no weights to start from"; }
paper() { "$root/tools/reproduce/paper.sh" 50 hands youtube matrix.safetensors start/model.safetensors "${tiny[@]}" >table 2>log; }
paper || { cat log; fail "the script failed"; }
grep 'does not use it' log && fail "a command was given a setting that it does not use"
grep -q '2 of 3 hands' log || fail "prepare did not say how many hands it found"
for file in rn50_pretrain/model.safetensors rn50_finetune_peclr/{scores.json,scores.txt,pred.json} rn50_finetune_imagenet/scores.json rn50.html; do
  [[ -s out/paper/$file ]] || fail "out/paper/$file is not there"
done
[[ $(grep -c '100%' table) == 2 ]] && grep -q '4.71 cm' table || { cat table; fail "the table has not its rows"; }

# Again: nothing is done twice. Without its scores, a run is scored alone; a preparation that was stopped begins anew.
before=$(stat -c '%n %Y %i' out/paper/*/model.safetensors)
rm out/paper/rn50_finetune_peclr/scores.json out/paper/youtube_hands/training_K.json
paper || { cat log; fail "the second call failed"; }
[[ $before == "$(stat -c '%n %Y %i' out/paper/*/model.safetensors)" ]] || fail "a training was done again"
[[ -s out/paper/rn50_finetune_peclr/scores.json && -s out/paper/youtube_hands/training_K.json ]] || fail "what was missing was not made"

# A damaged picture ends it before anything is trained; so does a wrong call.
head -c 500 hands/training/rgb/00000003.jpg >cut && mv cut hands/training/rgb/00000003.jpg
rm -rf out
paper && fail "a damaged picture was accepted"
grep -q 'pictures or labels are not as they should be' log && [[ ! -e out/paper/rn50_pretrain ]] || { cat log; fail "verify did not end it"; }
"$root/tools/reproduce/paper.sh" 34 hands 2>log && fail "a wrong call was accepted"
grep -q '50|152 FREIHAND YOUTUBE' log || { cat log; fail "a wrong call was not told what is right"; }
echo passed
