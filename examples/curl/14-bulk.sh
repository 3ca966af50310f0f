#!/usr/bin/env bash
# Kill or requeue many at once, oldest first; `dryRun` only counts.
source "$(dirname "$0")/lib.sh"

curl "${emit[@]}" "$api/spaces/$space/jobs" --data "$(jq --null-input '[range(5) | {name: "spam"}]')" >/dev/null
curl "${emit[@]}" "$api/spaces/$space/jobs" --data '{"name": "keep"}' >/dev/null

kill() { curl "${emit[@]}" "$api/spaces/$space/jobs/kill" --data "$1"; }
expect "$(kill '{"status": "pending", "name": "spam", "limit": 3, "dryRun": true}')" '. == {"count": 3, "more": true}'
expect "$(kill '{"status": "pending", "name": "spam", "limit": 3}')" '. == {"count": 3, "more": true}'
expect "$(kill '{"status": "pending", "name": "spam", "limit": 3}')" '. == {"count": 2, "more": false}'
expect "$(curl "${emit[@]}" "$api/spaces/$space/jobs/requeue" --data '{"status": "killed"}')" '.count == 5'
expect "$(curl "${emit[@]}" "$api/spaces/$space/counts")" '.pending == 6 and .killed == 0'
