#!/bin/sh
# Shards of a sweep by GNU parallel: here, or on other machines that share this directory: HOSTS=a,b parallel.sh.
# What was ended goes on when this is run again: a shard whose receipt says that all is done makes no run twice.
set -u
shards=${SHARDS:-8}
receipts=${RECEIPTS:-receipts}
# shellcheck disable=SC2086 # several words are meant
set -- ${HARROW_ARGUMENTS:-swarm --seeds 1..1000}
hosts=${HOSTS:+--sshlogin "$HOSTS" --workdir .}
mkdir -p "$receipts"
# The codes of shards are in their receipts; merge tells what came of all.
# shellcheck disable=SC2086 # several words are meant
seq "$shards" | parallel ${hosts:-} --jobs "${JOBS:-1}" \
  harrow sweep "$@" --shard "{}/$shards" --receipt "$receipts" ">" "$receipts/{}.log" "2>&1"
harrow merge "$receipts" --junit "$receipts/harrow.xml" --out "$receipts/merged"
