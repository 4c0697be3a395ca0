# SPDX-License-Identifier: Apache-2.0
# What gpu_check.sh and gpu_proof.sh begin with: their command line, their programs, and where those find NVIDIA's libraries.
# Sourced after `root`, `name` and `help_lines` are set; sets out, quick, device, python and bin.
export LC_ALL=C
device=${PECLR_DEVICE:-cuda}
python=${PYTHON:-python3}
out=$name
quick=false
refuse() { echo "$name.sh: $2" >&2; exit "$1"; }
while (($#)); do
  case $1 in
    --quick) quick=true ;;
    --out) (($# > 1)) || refuse 2 "--out needs a folder"; out=$2; shift ;;
    -h | --help) sed -n "${help_lines}s/^# \{0,1\}//p" "$root/tools/$name.sh"; exit 0 ;;
    *) refuse 2 "$1: known are --quick and --out FOLDER" ;;
  esac
  shift
done

bin=${PECLR_BIN:-$root/bin}
[[ -x $bin/peclr || -n ${PECLR_BIN:-} ]] || bin=$root/build/$device
[[ -x $bin/peclr ]] || refuse 2 "no peclr in $bin; build it (cmake --build --preset $device), or set PECLR_BIN"

# cuDNN and cuBLAS: what the loader finds; else those that came with a PyTorch from pip, or the toolkit's folder.
if [[ $device == cuda ]] && grep -q '^cuda: .* was not found' <<<"$(timeout -k 5 30 "$bin/peclr" info 2>/dev/null)"; then
  wheels=$("$python" -c 'import glob, nvidia; print(":".join(d for p in nvidia.__path__ for d in glob.glob(p + "/*/lib")))' 2>/dev/null)
  export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}${wheels:+$wheels:}/usr/local/cuda/lib64
fi
