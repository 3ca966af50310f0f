#!/usr/bin/env bash
# A checkpoint outlives a failure: the next attempt resumes where the last one stood.
source "$(dirname "$0")/lib.sh"

id=$(running)
curl "${emit[@]}" "$api/jobs/$id/checkpoint" --data '{"rowsDone": 12000}' >/dev/null
curl "${emit[@]}" "$api/jobs/$id/fail" --data '{"error": "worker lost"}' >/dev/null

job=$(curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{}' | jq '.jobs[0]')
expect "$job" ".id == \"$id\" and .checkpoint.rowsDone == 12000 and .attemptNumber == 1"
