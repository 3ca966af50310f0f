#!/usr/bin/env bash
# Create a job: a name and any JSON as payload. It waits for a worker as `pending`.
source "$(dirname "$0")/lib.sh"

job=$(curl "${emit[@]}" "$api/spaces/$space/jobs" --data '{
  "name": "resize-image",
  "payload": {"url": "https://example.com/cat.png", "width": 320},
  "maxRetries": 5,
  "tags": {"customer": "acme"}
}')
expect "$job" '.status == "pending" and .payload.width == 320 and .maxRetries == 5 and .attemptNumber == 0'

# The same job, read again, with its history so far.
job=$(curl "${emit[@]}" "$api/jobs/$(jq --raw-output .id <<<"$job")")
expect "$job" '[.events[].type] == ["created"]'
