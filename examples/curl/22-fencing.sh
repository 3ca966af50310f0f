#!/usr/bin/env bash
# Two workers, one job: `deliveryId` keeps the slow one from overwriting the other's work.
source "$(dirname "$0")/lib.sh"

curl "${emit[@]}" "$api/spaces/$space/jobs" --data '{"name": "once"}' >/dev/null
poll() { curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{"autoAck": true}' | jq '.jobs[0]'; }

slow=$(poll)
id=$(jq --raw-output .id <<<"$slow")
# The slow worker is given up: its job is released and taken by another.
curl "${emit[@]}" --request POST "$api/jobs/$id/release" >/dev/null
fast=$(poll)

late=$(curl "${emit[@]}" --header "x-emit-delivery: $(jq --raw-output .deliveryId <<<"$slow")" \
  "$api/jobs/$id/complete" --data '{"by": "slow"}' || true)
expect "$late" '.status == 409 and .code == "stale_delivery"'

# Repeating the answer of the present delivery is safe: the first body stands.
for by in fast again; do
  expect "$(curl "${emit[@]}" --header "x-emit-delivery: $(jq --raw-output .deliveryId <<<"$fast")" \
    "$api/jobs/$id/complete" --data "{\"by\": \"$by\"}")" '.status == "completed"'
done
expect "$(curl "${emit[@]}" "$api/jobs/$id")" '.result == {"by": "fast"}'
