#!/bin/bash
# `make run`: examples/webstack.yaml with what is there, saying what is not.
set -eu
cd "$(dirname "$0")/.."
bin=${BIN:-bin}

# What a task's processes see, and so where we look.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

if ! command -v bash >/dev/null || [ ! -x /bin/bash ]; then
	echo "There is no /bin/bash, which command lines are run by: apt-get install bash"
	exit 1
fi
if ! command -v python3 >/dev/null || ! python3 -c 'import sqlite3, http.server' 2>/dev/null; then
	echo "python3 is not installed, and the web stack is made of it: apt-get install python3 redis-server"
	echo "Here is a smaller example instead: examples/hello.yaml"
	exec "$bin/dewar" run examples/hello.yaml
fi
if ! command -v redis-server >/dev/null; then
	echo "redis-server is not installed, so a stand-in takes its place: apt-get install redis-server"
fi

task=webstack-$(date +%Y%m%d-%H%M%S)-$$
status=0
"$bin/dewar" run --task-id "$task" examples/webstack.yaml || status=$?
echo
echo "What the visitor saw (dewar tail $task visit):"
"$bin/dewar" tail "$task" visit || status=$?
exit "$status"
