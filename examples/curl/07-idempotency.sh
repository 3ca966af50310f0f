#!/usr/bin/env bash
# A create that may be repeated: the same key within 24 h answers with the first job.
source "$(dirname "$0")/lib.sh"

body='{"name": "invoice", "payload": {"order": 42}, "idempotencyKey": "order-42"}'
first=$(curl "${emit[@]}" "$api/spaces/$space/jobs" --data "$body" | jq --raw-output .id)

head=$(mktemp)
again=$(curl "${emit[@]}" --dump-header "$head" "$api/spaces/$space/jobs" --data "$body" | jq --raw-output .id)
same "$again" "$first"
grep --ignore-case '^idempotency-replayed: true' "$head"
rm "$head"

# Another body under that key is a mistake, and said to be one.
problem=$(curl "${emit[@]}" "$api/spaces/$space/jobs" \
  --data '{"name": "invoice", "payload": {"order": 43}, "idempotencyKey": "order-42"}' || true)
expect "$problem" '.status == 422 and .code == "idempotency_mismatch"'
