#!/usr/bin/env bash
# Failed jobs come back, after a delay that may double each time; without retries left they are dead.
source "$(dirname "$0")/lib.sh"

id=$(running '"maxRetries": 1, "retryBackoff": {"strategy": "exponential", "delaySeconds": 1, "maxDelaySeconds": 60}')
job=$(curl "${emit[@]}" "$api/jobs/$id/fail" --data '{"error": "connection refused"}')
expect "$job" '.status == "pending" and .attemptNumber == 1'

# Not before its delay is over, which a waiting poll notices by itself.
job=$(curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{"waitSeconds": 30, "autoAck": true}' | jq '.jobs[0]')
expect "$job" ".id == \"$id\" and .attemptNumber == 1"

expect "$(curl "${emit[@]}" "$api/jobs/$id/fail" --data '{"error": "connection refused"}')" '.status == "dead"'
expect "$(curl "${emit[@]}" "$api/jobs/$id")" '.result == {"error": "connection refused"}'
