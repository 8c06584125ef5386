#!/bin/bash
# Writes mapreduce.yaml: bash examples/mapreduce.sh >examples/mapreduce.yaml
#
# How often does each digit occur in the numbers from 1 to 90000? 180 mappers
# count in 500 numbers each, at most eight of them at a time; one reducer adds
# up what they found.
set -eu
mappers=180 each=500

cat <<'YAML'
# Map and reduce: 180 mappers, one reducer, eight processes at a time.
# Written by mapreduce.sh; change that.
#
#   dewar run --task-id digits examples/mapreduce.yaml
#   dewar tail digits reduce
name: mapreduce
max_concurrency: 8
processes:
  - name: split
YAML
cat <<YAML
    cmdline: mkdir -p shards counts && seq 1 $((mappers * each)) | split --lines=$each --numeric-suffixes --suffix-length=3 - shards/
YAML
for ((i = 0; i < mappers; i++)); do
	printf '  - {name: map-%03d, cmdline: "grep -o . shards/%03d | sort | uniq -c > counts/%03d"}\n' "$i" "$i" "$i"
done
cat <<'YAML'
  - name: reduce
    cmdline: |
      awk '{ n[$2] += $1 } END { for (d = 0; d < 10; d++) print d, n[d] }' counts/* | tee result
constraints:
YAML
for ((i = 0; i < mappers; i++)); do
	printf '  - order: [split, map-%03d, reduce]\n' "$i"
done
