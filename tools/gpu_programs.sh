# SPDX-License-Identifier: Apache-2.0
# For gpu_check.sh and gpu_proof.sh: where the programs are, and where they find NVIDIA's libraries. Sourced after `root`,
# `device`, `python` and `refuse CODE TEXT` are there; sets `bin`.
bin=${PECLR_BIN:-$root/bin}
[[ -x $bin/peclr || -n ${PECLR_BIN:-} ]] || bin=$root/build/$device
[[ -x $bin/peclr ]] || refuse 2 "no peclr in $bin; build it (cmake --build --preset $device), or set PECLR_BIN"

# cuDNN and cuBLAS: what the loader finds; else those that came with a PyTorch from pip, or the toolkit's folder.
if [[ $device == cuda ]] && grep -q '^cuda: .* was not found' <<<"$(timeout -k 5 30 "$bin/peclr" info 2>/dev/null)"; then
  wheels=$("$python" -c 'import glob, nvidia; print(":".join(d for p in nvidia.__path__ for d in glob.glob(p + "/*/lib")))' 2>/dev/null)
  export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}${wheels:+$wheels:}/usr/local/cuda/lib64
fi
