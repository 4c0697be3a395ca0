# SPDX-License-Identifier: Apache-2.0
# What gpu_check.sh and gpu_proof.sh begin with: their command line, their programs and where those find NVIDIA's libraries, how
# long each part may take, and the few files that they leave.
# Sourced after root, name, help_lines, known (what --only takes) and limit_s are set; sets out, quick, only, device, python, bin,
# work (a folder that goes) and logs.
export LC_ALL=C
device=${PECLR_DEVICE:-cuda}
python=${PYTHON:-python3}
out=$name quick=false only=''
refuse() { echo "$name.sh: $2" >&2; exit "$1"; }
while (($#)); do
  case $1 in
    --quick) quick=true ;;
    --out) (($# > 1)) || refuse 2 "--out needs a folder"; out=$2; shift ;;
    --seconds) [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || refuse 2 "--seconds needs a number"; limit_s=$2; shift ;;
    --only)
      read -ra parts <<<"$(tr , ' ' <<<"${2:-}")"
      ((${#parts[@]})) || refuse 2 "--only needs some of: $known"
      for part in "${parts[@]}"; do [[ " $known " == *" $part "* ]] || refuse 2 "--only $part: known are $known"; done
      only+=" ${parts[*]} "; shift ;;
    -h | --help) sed -n "${help_lines}s/^# \{0,1\}//p" "$root/tools/$name.sh"; exit 0 ;;
    *) refuse 2 "$1: known are --quick, --only, --seconds and --out" ;;
  esac
  shift
done
# wants NAME...: is one of them asked for?
wants() { local part; for part; do [[ -n $only && $only != *" $part "* ]] || return 0; done; return 1; }

bin=${PECLR_BIN:-$root/bin}
[[ -x $bin/peclr || -n ${PECLR_BIN:-} ]] || bin=$root/build/$device
[[ -x $bin/peclr ]] || refuse 2 "no peclr in $bin; build it (cmake --build --preset $device), or set PECLR_BIN"

# cuDNN and cuBLAS: what the loader finds; where there are none, or old ones, or those of another CUDA, the ones that came with a
# PyTorch from pip, or the toolkit's folder.
if [[ $device == cuda ]] && grep -qE '^cuda: .* (was (not )?found|is too old)' <<<"$(timeout -k 5 30 "$bin/peclr" info 2>/dev/null)"; then
  wheels=$("$python" -c 'import glob, nvidia; print(":".join(d for p in nvidia.__path__ for d in glob.glob(p + "/*/lib")))' 2>/dev/null)
  export LD_LIBRARY_PATH=${wheels:+$wheels:}${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/cuda/lib64
fi

work=$(mktemp -d) logs=$work/logs
trap 'rm -rf "$work"' EXIT
mkdir "$logs"
# Timings of convolutions are for all programs and runs: in a home that cannot be written each would time its own.
cache=${XDG_CACHE_HOME:-${HOME:-/nowhere}/.cache}
mkdir -p "$cache/peclr" 2>/dev/null && [[ -w $cache/peclr ]] || { cache=$work/cache; export XDG_CACHE_HOME=$cache; }

# ---- Time: a part gets the share of what is left that its slot has among the slots still there, so the whole ends in limit_s, and
# what one does not need is for those after it.
declare -A slot
# limited PART COMMAND...: 124 if its time was too short.
limited() {
  local part=$1 sum=0 most start=$SECONDS code value
  shift
  for value in "${slot[@]}"; do ((sum += value)); done
  most=$(((limit_s - SECONDS) * slot[$part] / sum))
  unset "slot[$part]"
  ((most > 0)) || return 124
  timeout -k 5 $most "$@"
  code=$?
  ((code != 137 || SECONDS - start < most)) || code=124  # what did not end by itself; without time run out: out of memory
  return $code
}
out_of_time="not measured (out of time)"

# ---- What is left behind: results.md, results.json where the script has it, and all logs in one file.
begin_results() {
  mkdir -p "$out" && out=$(cd "$out" && pwd) || refuse 2 "$out: cannot be made; choose another --out"
  rm -f "$out"/{results.md,results.json,logs.tgz}
  version=$("$bin/peclr" --version)
  info=$(timeout -k 5 30 "$bin/peclr" info 2>&1 | tail -n +2)
}
# After each part, so that a run that is killed leaves what it has.
save_results() {
  markdown | sed '/^$/N;/^\n$/D' >"$work/results.md"
  [[ $(type -t json) != function ]] || json >"$work/results.json"
  [[ $device != cuda ]] || cp "$cache"/peclr/*.json "$logs" 2>/dev/null  # which plans of convolutions were taken, and their times
  tar -C "$work" -czf "$work/logs.tgz" logs
  mv "$work/logs.tgz" "$work"/results.* "$out"
}
