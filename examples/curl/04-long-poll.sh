#!/usr/bin/env bash
# A poll may wait up to 30 s for a job: no busy loop, and the job starts the moment it is created.
source "$(dirname "$0")/lib.sh"

answer=$(mktemp)
curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{"names": ["urgent"], "waitSeconds": 30}' >"$answer" &
poll=$!

# A job of another name is not what this worker waits for.
curl "${emit[@]}" "$api/spaces/$space/jobs" --data '{"name": "other"}' >/dev/null
curl "${emit[@]}" "$api/spaces/$space/jobs" --data '{"name": "urgent"}' >/dev/null
wait "$poll"
expect "$(cat "$answer")" '[.jobs[].name] == ["urgent"]'
rm "$answer"
