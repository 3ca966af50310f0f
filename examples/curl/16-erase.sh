#!/usr/bin/env bash
# Erase an ended job: payload, result, logs and event data are gone for good.
source "$(dirname "$0")/lib.sh"

id=$(running '"payload": {"email": "ada@example.com"}')
curl "${emit[@]}" "$api/jobs/$id/complete" --data '{"sent": true}' >/dev/null

code=(--silent --output /dev/null --write-out '%{http_code}' --header "x-api-key: $EMIT_KEY")
same "$(curl "${code[@]}" --request DELETE "$api/jobs/$id")" 204
same "$(curl "${code[@]}" "$api/jobs/$id")" 404
