#!/usr/bin/env bash
# A waiting job may still be changed.
source "$(dirname "$0")/lib.sh"

id=$(curl "${emit[@]}" "$api/spaces/$space/jobs" \
  --data '{"name": "report", "scheduledFor": "2030-01-01T00:00:00.000Z"}' | jq --raw-output .id)
# `null` as time means now.
job=$(curl "${emit[@]}" --request PATCH "$api/jobs/$id" --data '{"priority": 7, "scheduledFor": null}')
expect "$job" '.status == "pending" and .priority == 7'

# Once a worker has it, no more.
curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{}' >/dev/null
expect "$(curl "${emit[@]}" --request PATCH "$api/jobs/$id" --data '{"priority": 8}' || true)" \
  '.status == 409 and .jobStatus == "delivered"'
