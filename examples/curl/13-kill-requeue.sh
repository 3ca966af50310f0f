#!/usr/bin/env bash
# Kill a job whatever it does; its worker learns it by 409 on its next report. Requeue brings an ended job back.
source "$(dirname "$0")/lib.sh"

id=$(running)
killed=$(curl "${emit[@]}" "$api/jobs/$id/kill" --data '{"reason": "customer cancelled"}')
expect "$killed" '.status == "killed"'
expect "$(curl "${emit[@]}" "$api/jobs/$id/progress" --data '{"percent": 50}' || true)" \
  '.status == 409 and .jobStatus == "killed"'

expect "$(curl "${emit[@]}" --request POST "$api/jobs/$id/requeue")" '.status == "pending" and .attemptNumber == 0'
