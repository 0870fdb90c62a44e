#!/usr/bin/env bash
# Slurm on this machine alone, to see a sweep as an array: starts munged, slurmctld and slurmd on loopback, submits 8
# tasks, kills one, shows that the merge refuses, starts the task again, and merges. Nothing is installed or left behind.
#
#     HARROW=target/release/harrow scenarios/fleet/slurm-here.sh
#
# Debian: apt-get install munge slurmctld slurmd slurm-client. SLURM_ROOT names another place than / that has them, such
# as one that `dpkg -x` has filled. Only processes that were started here are ended, each by its number.
set -euo pipefail
harrow=$(realpath "${HARROW:-$(command -v harrow)}")
root=${SLURM_ROOT:-}
export PATH=$root/usr/sbin:$root/usr/bin:$PATH
libraries=$root/usr/lib/$(uname -m)-linux-gnu
plugins=$libraries/slurm-wlm
[ -z "$root" ] || export LD_LIBRARY_PATH=$libraries:$plugins
here=$(mktemp -d "${TMPDIR:-/tmp}/harrow-slurm.XXXXXX")
started=()
stop() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$here"
}
trap stop EXIT
say() { printf '\n$ %s\n' "$*"; "$@" || echo "(exit code $?)"; }

mkdir -p "$here"/{state,spool,logs}
dd if=/dev/urandom of="$here/munge.key" bs=128 count=1 status=none
chmod 400 "$here/munge.key"
user=$(id -un)
cat >"$here/slurm.conf" <<EOF
ClusterName=harrow
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$here/munge.socket
CryptoType=crypto/munge
PluginDir=$plugins
SlurmctldPort=${SLURM_PORT:-26817}
SlurmdPort=$((${SLURM_PORT:-26817} + 1))
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/logs/slurmctld
SlurmdLogFile=$here/logs/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1
ReturnToService=2
MailProg=/bin/true
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
export SLURM_CONF=$here/slurm.conf

munged --foreground --force --key-file="$here/munge.key" --socket="$here/munge.socket" --pid-file="$here/munge.pid" \
  --log-file="$here/logs/munge" --seed-file="$here/munge.seed" 2>"$here/logs/munged" & started+=($!)
until [ -S "$here/munge.socket" ]; do sleep 0.1; done
"$(command -v slurmctld || command -v slurmctld-wlm)" -D -f "$SLURM_CONF" >"$here/logs/ctld" 2>&1 & started+=($!)
"$(command -v slurmd || command -v slurmd-wlm)" -D -f "$SLURM_CONF" ${root:+-d "$root/usr/sbin/slurmstepd-wlm"} \
  >"$here/logs/d" 2>&1 & started+=($!)
for _ in $(seq 100); do
  sinfo --noheader --format=%t 2>/dev/null | grep -q idle && break
  sleep 0.2
done
sinfo || { cat "$here"/logs/*; exit 1; }

cd "$here"
receipts=$here/receipts
cat >task.sh <<EOF
#!/bin/bash
echo \$\$ >"pid-\$SLURM_ARRAY_TASK_ID"
exec "$harrow" sweep swarm --seeds 1..${SEEDS:-80} --shard auto --jobs 1 --receipt receipts
EOF
wait_for() { while squeue --noheader --job "$1" 2>/dev/null | grep -q .; do sleep 0.5; done; }
done_of() { grep -c . "$receipts/runs-$1-of-8.jsonl" 2>/dev/null || true; }

printf '\n$ sbatch --array=1-8 task.sh\n'
job=$(sbatch --parsable --array=1-8 --output=task-%a.log task.sh)
echo "Submitted batch job $job"
# The third task is killed as soon as it has done some of its runs. `scancel` would ask it to end first, and it would say
# so in its receipt; who loses its machine can say nothing.
until [ "$(done_of 3)" -ge 2 ] 2>/dev/null; do sleep 0.05; done
say kill -KILL "$(cat pid-3)"
wait_for "$job"
echo "task 3 has left $(done_of 3) of its runs"
say "$harrow" merge receipts
printf '\n$ sbatch --array=1-8 task.sh   # again: what is done is not done twice\n'
again=$(sbatch --parsable --array=1-8 --output=again-%a.log task.sh)
echo "Submitted batch job $again"
wait_for "$again"
say grep -h note: again-1.log again-3.log
say "$harrow" merge receipts
