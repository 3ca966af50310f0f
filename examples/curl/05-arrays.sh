#!/usr/bin/env bash
# Up to 1,000 jobs in one call, all or nothing; the answer keeps the order.
source "$(dirname "$0")/lib.sh"

jobs=$(jq --null-input '[range(100) | {name: "mail", payload: {to: "user\(.)@example.com"}}]')
made=$(curl "${emit[@]}" "$api/spaces/$space/jobs" --data "$jobs")
expect "$(jq 'map(.payload.to) | [length, first, last]' <<<"$made")" \
  '. == [100, "user0@example.com", "user99@example.com"]'

# One bad item, and none is created. The error names it.
problem=$(curl "${emit[@]}" "$api/spaces/$space/jobs" --data '[{"name": "good"}, {"name": ""}]' || true)
expect "$problem" '.status == 422 and .errors[0].path == "/1/name"'
expect "$(curl "${emit[@]}" "$api/spaces/$space/counts")" '.pending == 100'
