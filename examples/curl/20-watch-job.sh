#!/usr/bin/env bash
# Watch one job live with nothing but curl: server-sent events. The public token sees progress and the end.
source "$(dirname "$0")/lib.sh"

id=$(running)
public=$(curl "${emit[@]}" "$api/spaces/$space/tokens" | jq --raw-output '.[] | select(.token) | .token')
exec 3< <(curl --silent --no-buffer --header 'accept: text/event-stream' "$api/realtime/$id?token=$public")

# The next message: one `data:` line each.
message() {
  local line
  while IFS= read -r line <&3; do
    [[ $line != data:* ]] || { echo "${line#data:}"; return; }
  done
}

expect "$(message)" '.type == "init" and .status == "running"'
curl "${emit[@]}" "$api/jobs/$id/progress" --data '{"percent": 50}' >/dev/null
expect "$(message)" '.type == "progress" and .data.percent == 50'
curl "${emit[@]}" "$api/jobs/$id/complete" --data '{"secret": "result"}' >/dev/null
# It is over, and what came of it is not for this token.
expect "$(message)" '.type == "completed" and .data == null'
