#!/usr/bin/env bash
# Higher priority first, from -100 to 100; among equals the older one.
source "$(dirname "$0")/lib.sh"

curl "${emit[@]}" "$api/spaces/$space/jobs" --data '[
  {"name": "whenever", "priority": -5}, {"name": "normal"}, {"name": "now", "priority": 10}, {"name": "normal too"}
]' >/dev/null
jobs=$(curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{"count": 4}')
expect "$(jq '[.jobs[].name]' <<<"$jobs")" '. == ["now", "normal", "normal too", "whenever"]'
