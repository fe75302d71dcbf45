#!/usr/bin/env bash
# submit.sh: submit each SQL job to the cluster of deploy/compose.yaml, from its newest checkpoint if there is one, unless it runs already.
set -euo pipefail
umask 077 # with Kafka's password the SQL holds it
for job in candles books; do
  if curl -fsS http://jobmanager:8081/jobs/overview | grep -Eq "\"name\":\"tickcast-$job\"[^}]*\"state\":\"(RUNNING|CREATED|RESTARTING|INITIALIZING)\""; then continue; fi
  newest=$(find "/state/$job" -name _metadata -printf '%T@ %h\n' 2>/dev/null | sort -n | tail -1 | cut -d' ' -f2-)
  tickcast stack sql "$job" --brokers kafka:9092 --state "file:///state/$job" ${newest:+--recover "file://$newest"} >"/tmp/$job.sql"
  sql-client.sh embedded -D rest.address=jobmanager -D rest.port=8081 -f "/tmp/$job.sql"
done
