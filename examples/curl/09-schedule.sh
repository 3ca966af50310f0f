#!/usr/bin/env bash
# A job for later: `scheduled` until its time comes, then `pending`. It may also expire.
source "$(dirname "$0")/lib.sh"

in_two_seconds=$(date --utc --date '+2 seconds' +%Y-%m-%dT%H:%M:%S.%3NZ)
job=$(curl "${emit[@]}" "$api/spaces/$space/jobs" --data "{\"name\": \"later\", \"scheduledFor\": \"$in_two_seconds\"}")
expect "$job" '.status == "scheduled"'
expect "$(curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{}')" '.jobs == []'
expect "$(curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{"waitSeconds": 30}')" '.jobs[0].name == "later"'

# Nobody wants this one after its time: the waiting GET answers once it is dead.
job=$(curl "${emit[@]}" "$api/spaces/$space/jobs" \
  --data "{\"name\": \"stale\", \"expiresAt\": \"$(date --utc --date '+1 second' +%Y-%m-%dT%H:%M:%S.%3NZ)\"}")
job=$(curl "${emit[@]}" "$api/jobs/$(jq --raw-output .id <<<"$job")?waitSeconds=30")
expect "$job" '.status == "dead" and .result == {"error": "expired"}'
