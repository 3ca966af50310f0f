#!/usr/bin/env bash
# Watch a whole space, and resume after a break where you stood: every event has a number.
source "$(dirname "$0")/lib.sh"

# types SINCE COUNT: the next COUNT messages after a number, as [seq, type].
types() {
  local line count=0
  exec 3< <(curl "${emit[@]}" --no-buffer --header 'accept: text/event-stream' "$api/realtime/spaces/$space?since=$1")
  while ((count < $2)) && IFS= read -r line <&3; do
    [[ $line != data:* ]] || { echo "${line#data:}"; ((count += 1)); }
  done | jq --compact-output --slurp 'map([.seq, .type])'
  exec 3<&-
}

id=$(running)
expect "$(types 0 3)" '. == [[1, "created"], [2, "delivered"], [3, "acked"]]'

# While nobody watches …
curl "${emit[@]}" "$api/jobs/$id/progress" --data '{"percent": 99}' >/dev/null
curl "${emit[@]}" "$api/jobs/$id/complete" --data '{}' >/dev/null
# … nothing is lost.
expect "$(types 3 2)" '. == [[4, "progress"], [5, "completed"]]'
