#!/usr/bin/env bash
# Creates a job for the worker beside it and prints the address of the page that watches it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
emit=(--silent --show-error --fail-with-body --header "x-api-key: $EMIT_KEY" --header 'content-type: application/json')

job=$(curl "${emit[@]}" "$EMIT_URL/api/v1/spaces/$EMIT_SPACE/jobs" --data '{
  "name": "thumbnails",
  "payload": {"seconds": '"${FILM_SECONDS:-60}"', "size": "1280x720", "perSecond": 5, "width": 320},
  "timeoutSeconds": 60
}' | jq --raw-output .id)
public=$(curl "${emit[@]}" "$EMIT_URL/api/v1/spaces/$EMIT_SPACE/tokens" |
  jq --raw-output '.[] | select(.token) | .token')
echo "file://$here/watch.html#emit=$EMIT_URL&job=$job&token=$public"
