#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/slurm.sbatch, with srun, scontrol and peclr played by scripts: what is run, and what becomes of its exit code.
source "$(dirname "${BASH_SOURCE[0]}")/support/script.sh"
mkdir bin
printf '#!/usr/bin/env bash\n[[ $1 == --cpus-per-task=7 ]] || exit 9\nshift\n"$@"\n' >bin/srun
printf '#!/usr/bin/env bash\necho "$@" >>scontrol.log\n' >bin/scontrol
printf '#!/usr/bin/env bash\nprintf "<%%s>" "$@" >peclr.log\nexit "$CODE"\n' >bin/played
chmod +x bin/*

# job CODE: of a peclr that exits so; leaves the job's own in `exited`.
job() {
  rm -f ./*.log
  exited=0
  CODE=$1 SLURM_JOB_ID=4711 SLURM_CPUS_PER_TASK=7 PECLR=$folder/bin/played PATH=$folder/bin:$PATH \
    bash "$root/tools/slurm.sbatch" pretrain 'data.train=my hands' out=o || exited=$?
  [[ $(cat peclr.log) == '<pretrain><data.train=my hands><out=o><--resume>' ]] || fail "wrong call: $(cat peclr.log)"
}
for code in 0 1 5; do
  job $code
  [[ $exited == "$code" && ! -e scontrol.log ]] || fail "exit code $code became $exited"
done
job 75
[[ $exited == 0 && $(cat scontrol.log) == 'requeue 4711' ]] || fail "a saved run is not queued again"
