#!/usr/bin/env bash
# Take one certain job, and give it back without using up a retry.
source "$(dirname "$0")/lib.sh"

id=$(curl "${emit[@]}" "$api/spaces/$space/jobs" --data '{"name": "manual"}' | jq --raw-output .id)
expect "$(curl "${emit[@]}" --request POST "$api/jobs/$id/claim")" '.status == "delivered" and .deliveryCount == 1'

expect "$(curl "${emit[@]}" "$api/jobs/$id/release" --data '{"afterSeconds": 60}')" \
  '.status == "pending" and .attemptNumber == 0'
# For a minute nobody gets it.
expect "$(curl "${emit[@]}" --request POST "$api/jobs/$id/claim" || true)" '.status == 409 and .code == "not_available"'
