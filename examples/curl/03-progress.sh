#!/usr/bin/env bash
# Progress is any JSON object. The space's public token may read it, and nothing else of the job.
source "$(dirname "$0")/lib.sh"

id=$(running)
curl "${emit[@]}" "$api/jobs/$id/progress" --data '{"percent": 40, "step": "encoding"}' >/dev/null

public=$(curl "${emit[@]}" "$api/spaces/$space/tokens" | jq --raw-output '.[] | select(.token) | .token')
progress=$(curl --silent --show-error --fail-with-body --header "x-api-key: $public" "$api/jobs/$id/progress")
expect "$progress" '.status == "running" and .data == {"percent": 40, "step": "encoding"}'

code=$(curl --silent --output /dev/null --write-out '%{http_code}' --header "x-api-key: $public" "$api/jobs/$id")
same "$code" 403
