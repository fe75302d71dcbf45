#!/usr/bin/env bash
# submit.sh: see that each SQL job runs in the cluster of deploy/compose.yaml. One that does not, because it was never submitted or its JobManager died, is submitted from
# its newest checkpoint or savepoint. Stop this service before you stop a job.
set -euo pipefail
umask 077 # with Kafka's password the SQL holds it
state=${FLINK_STATE_DIR:-/state} every=${SUBMIT_EVERY:-5}

running() { # job, jobs/overview
  grep -Eq "\"name\":\"tickcast-$1\"[^}]*\"state\":\"(RUNNING|CREATED|RESTARTING|INITIALIZING)\"" <<<"$2"
}

submit() { # job
  local newest
  newest=$({ find "$state/$1" -name _metadata -printf '%T@ %h\n' 2>/dev/null || true; } | sort -n | tail -1 | cut -d' ' -f2-) # none before the first checkpoint
  echo "submitting $1 ${newest:+from $newest}"
  tickcast stack sql "$1" --brokers kafka:9092 --state "file://$state/$1" ${newest:+--recover "file://$newest"} >"${TMPDIR:-/tmp}/$1.sql" &&
    sql-client.sh embedded -D rest.address=jobmanager -D rest.port=8081 -f "${TMPDIR:-/tmp}/$1.sql"
}

while :; do
  if overview=$(curl -fsS --max-time 10 http://jobmanager:8081/jobs/overview); then
    for job in candles books; do
      running "$job" "$overview" || submit "$job" || echo "$job could not be submitted; trying again" >&2
    done
  fi
  sleep "$every"
done
