# SPDX-License-Identifier: Apache-2.0
# Sourced by tests of scripts that train over and over: on the emulator each takes a while.

# keep_runs PECLR FILE FOLDER [COMMANDS]: writes FILE, a peclr that does a training of the same words (paths aside) once, keeps
# its out in FOLDER, and then does COMMANDS, which find $out.
keep_runs() {
  mkdir -p "$3"
  cat >"$2" <<SH
#!/usr/bin/env bash
words=''
for word; do
  [[ \$word != out=* ]] || out=\${word#out=}
  [[ \$word == */* ]] || words+=_\$word
done
kept=$3/\$words
if [[ \$1 == pretrain && -e \$kept ]]; then
  cp -r "\$kept" "\$out"
else
  "$1" "\$@" || exit
  [[ \$1 != pretrain ]] || cp -r "\$out" "\$kept"
fi
${4:-}
SH
  chmod +x "$2"
}
