#!/usr/bin/env bash
# The worker's side: poll, acknowledge ("accepted, now running"), report, complete.
source "$(dirname "$0")/lib.sh"

curl "${emit[@]}" "$api/spaces/$space/jobs" --data '{"name": "greet", "payload": {"who": "Ada"}}' >/dev/null

job=$(curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{"count": 1}' | jq '.jobs[0]')
expect "$job" '.status == "delivered" and .payload.who == "Ada"'
id=$(jq --raw-output .id <<<"$job")

expect "$(curl "${emit[@]}" --request POST "$api/jobs/$id/ack")" '.status == "running"'
expect "$(curl "${emit[@]}" "$api/jobs/$id/complete" --data '{"greeting": "Hello, Ada"}')" '.status == "completed"'
expect "$(curl "${emit[@]}" "$api/jobs/$id")" '.result.greeting == "Hello, Ada" and .completedAt != null'
