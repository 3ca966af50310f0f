#!/usr/bin/env bash
# A worker with many jobs reports on all of them in one call. Each report stands alone and has its own code.
source "$(dirname "$0")/lib.sh"

curl "${emit[@]}" "$api/spaces/$space/jobs" --data '[{"name": "a"}, {"name": "b"}]' >/dev/null
jobs=$(curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{"count": 50}' | jq .jobs)

reports=$(jq 'map({jobId: .id, deliveryId, report: "ack"}, {jobId: .id, deliveryId, report: "complete", body: {name}})
              + [{jobId: .[0].id, report: "progress", body: {percent: 1}}]' <<<"$jobs")
answers=$(curl "${emit[@]}" "$api/jobs/reports" --data "$reports")
expect "$(jq 'map(.code)' <<<"$answers")" '. == [200, 200, 200, 200, 409]'
expect "$(jq '.[4].problem' <<<"$answers")" '.jobStatus == "completed"'
