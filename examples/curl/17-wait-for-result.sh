#!/usr/bin/env bash
# Create and wait: the answer comes when the job has ended, with its result. Almost a function call.
source "$(dirname "$0")/lib.sh"

answer=$(mktemp)
curl "${emit[@]}" "$api/spaces/$space/jobs?waitSeconds=30" --data '{"name": "add", "payload": [1, 2]}' >"$answer" &
caller=$!

job=$(curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{"waitSeconds": 30, "autoAck": true}' | jq '.jobs[0]')
sum=$(jq '.payload | add' <<<"$job")
curl "${emit[@]}" "$api/jobs/$(jq --raw-output .id <<<"$job")/complete" --data "$sum" >/dev/null
wait "$caller"
expect "$(cat "$answer")" '.status == "completed" and .result == 3'
rm "$answer"
