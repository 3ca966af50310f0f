#!/usr/bin/env bash
# Keys: one scope each, shown once; a throw-away one for a browser; and rotation without an outage.
source "$(dirname "$0")/lib.sh"

token=$(curl "${emit[@]}" "$api/spaces/$space/tokens" --data '{"name": "web shop", "scopes": ["jobs:create"]}')
producer=$(jq --raw-output .token <<<"$token")
as() { curl --silent --show-error --header "x-api-key: $1" --header 'content-type: application/json' "${@:2}"; }

job=$(as "$producer" "$api/spaces/$space/jobs" --data '{"name": "report"}')
expect "$job" '.status == "pending"'
id=$(jq --raw-output .id <<<"$job")
expect "$(as "$producer" "$api/jobs/$id")" \
  '.status == 403 and (.title + .detail | contains("Missing required scope: jobs:read"))'

# For the page that shows this one job, for an hour.
browser=$(as "$producer" "$api/jobs/$id/tokens" --data '{"expiresInSeconds": 3600}' | jq --raw-output .token)
expect "$(as "$browser" "$api/jobs/$id/progress")" '.jobName == "report" and .data == null'
expect "$(as "$browser" "$api/me")" ".jobId == \"$id\" and .scopes == [\"jobs:read:progress\"]"

# A new secret; the old one works for the grace period.
token_id=$(jq --raw-output .tokenId <<<"$token")
rotated=$(curl "${emit[@]}" "$api/spaces/$space/tokens/$token_id/rotate" --data '{"graceSeconds": 60}')
for key in "$producer" "$(jq --raw-output .token <<<"$rotated")"; do
  expect "$(as "$key" "$api/me")" '.scopes == ["jobs:create"]'
done

# Revoked: gone at once.
curl "${emit[@]}" --request DELETE "$api/spaces/$space/tokens/$(jq --raw-output .tokenId <<<"$rotated")"
expect "$(as "$(jq --raw-output .token <<<"$rotated")" "$api/me")" '.status == 401'
