#!/usr/bin/env bash
# Makes this computer a SLURM cluster of one node, and installs sshd, for the tests that need them (`-m slurm`,
# `-k ssh`). For containers and machines of a CI: needs root and apt-get, and takes over /etc/slurm/slurm.conf.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge openssh-server openssh-client

mkdir -p /etc/slurm /run/munge /run/sshd /var/spool/slurmctld /var/spool/slurmd /var/log/slurm
chown munge /run/munge
[[ -f /etc/munge/munge.key ]] || mungekey --create || dd if=/dev/urandom of=/etc/munge/munge.key bs=1 count=1024 status=none
chown munge /etc/munge/munge.key
chmod 400 /etc/munge/munge.key
cat > /etc/slurm/slurm.conf <<CONF
ClusterName=one
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(free -m | awk '/^Mem/ {print $2 - 200}') State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF

pgrep munged > /dev/null || su -s /bin/sh munge -c munged
pgrep slurmctld > /dev/null || slurmctld
pgrep -x slurmd > /dev/null || slurmd
for _ in $(seq 30); do
    sinfo --noheader --states=idle | grep -q idle && exit 0
    sleep 1
done
echo "The SLURM node did not become idle; see /var/log/slurm." >&2
exit 1
