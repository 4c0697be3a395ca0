#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What tools/reproduce/small.sh asks of the program, whose place a script takes that notes it and leaves empty files: the script
# itself runs for hours.
source "$(dirname "${BASH_SOURCE[0]}")/support/script.sh"
cat >program <<'END'
#!/usr/bin/env bash
[[ $1 != info ]] || { echo 'bf16 faster'; exit; }
echo "$*" >>calls
for word in "$@"; do [[ $word != out=* ]] || out=${word#out=}; done
case $1 in
  pretrain | finetune) file=$out/model.safetensors ;;
  evaluate) file=$out/scores.json ;;
  predict) file=$out/predictions.json ;;
  probe) file=$out/probe.json ;;
  synth) file=$3/training_K.json ;;
  *) exit 0 ;;
esac
mkdir -p "$(dirname "$file")"
touch "$file"
END
chmod +x program
export PECLR=$folder/program
mkdir -p 'my data'/{hand_photos,real_hands}
small() {
  rm -f calls
  "$root/tools/reproduce/small.sh" "$@" >log 2>&1 || { cat log; fail "the script failed"; }
}
# count NUMBER PATTERN: of calls that match it.
count() { [[ $(grep -cE -e "$2" calls) == "$1" ]] || { cat calls; fail "not $1 calls of '$2'"; }; }

small 'my data'
count 30 '^pretrain .*tools/configs/pretrain.yaml .*model.depth=18 model.input=64 precision=bf16 '  # 6 of photos, 24 rendered
count 36 '^finetune .*tools/configs/demo/finetune.yaml .*model.depth=18 model.input=64 precision=bf16 '
count 24 '^finetune .* --init-from out/small/[a-z]*/pretrain_[a-z0-9_]*/model.safetensors '
# As it was trained; depth and size are in the file.
count 36 '^evaluate data.eval=.* precision=bf16 out='
count 3 '^predict data.eval=.*/my data/real_hands precision=bf16 out='
count 45 '^probe model.depth=18 model.input=64 precision=bf16 '
count 0 '--resume'

# Again: what is finished is kept, and a training that was stopped goes on.
rm out/small/synthetic/labels10_scratch_1/model.safetensors
touch out/small/synthetic/labels10_scratch_1/last.safetensors
small 'my data'
count 1 '^(pretrain|finetune|evaluate|predict|probe|synth) '
count 1 '^finetune .* --resume .*out=out/small/synthetic/labels10_scratch_1$'

# Without photos there is a table less.
rm -rf out
small
grep -q 'synthetic hands only' log || { cat log; fail "it did not say that there are no photos"; }
count 24 '^pretrain '
count 1 '^results '
echo passed
