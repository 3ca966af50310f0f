#!/usr/bin/env bash
# Be told when a job has ended, and check that it was Emit who said so. Needs python3 for its receiver, and a server
# started with --allow-private-destinations 127.0.0.0/8, since the receiver is on this machine.
source "$(dirname "$0")/lib.sh"

# The answer shows the new signing secret, this once.
secret=$(curl "${emit[@]}" --request PATCH "$api/spaces/$space" --data '{"webhookSecret": null}' |
  jq --raw-output .webhookSecret)
expect "$(curl "${emit[@]}" "$api/spaces/$space")" '.webhookSecret == "whsec_***"'

coproc receiver { exec python3 "$(dirname "$0")/receiver.py" "$secret"; }
trap 'kill "$receiver_PID"; curl "${emit[@]}" --request DELETE "$api/spaces/$space?force=true"' EXIT
read -r url <&"${receiver[0]}"

id=$(running "\"callbackUrl\": \"$url/ended\"")
curl "${emit[@]}" "$api/jobs/$id/complete" --data '{"pages": 42}' >/dev/null
read -r verdict <&"${receiver[0]}"
read -r body <&"${receiver[0]}"
same "$verdict" valid
expect "$body" ".jobId == \"$id\" and .status == \"completed\" and .result == {\"pages\": 42}"

# Lost it? The same end is told again, under the same webhook-id.
curl "${emit[@]}" --request POST "$api/jobs/$id/callback" >/dev/null
read -r verdict <&"${receiver[0]}"
same "$verdict" valid
