# What every example shares: where the server is, a space of its own, and a check that says what differs.
set -euo pipefail
: "${EMIT_URL:?the server, such as http://127.0.0.1:8080}" "${EMIT_KEY:?an admin key}"

api=$EMIT_URL/api/v1
# Said once, meant in every call: fail on an error answer, send the key, send JSON.
emit=(--silent --show-error --fail-with-body --header "x-api-key: $EMIT_KEY" --header 'content-type: application/json')

space=$(curl "${emit[@]}" "$api/spaces" --data '{"name": "example"}' | jq --raw-output .id)
trap 'curl "${emit[@]}" --request DELETE "$api/spaces/$space?force=true"' EXIT

# expect JSON FILTER: prints the JSON, and fails unless the jq filter holds for it.
expect() {
  jq --compact-output . <<<"$1"
  jq --exit-status "$2" <<<"$1" >/dev/null || { echo "expected: $2" >&2; exit 1; }
}

# same IS SHOULD: two words.
same() {
  echo "$1"
  [ "$1" = "$2" ] || { echo "expected: $2" >&2; exit 1; }
}

# A job that a worker has taken and acknowledged; its id. Further fields may be given: running '"maxRetries": 0'.
running() {
  curl "${emit[@]}" "$api/spaces/$space/jobs" --data "{\"name\": \"work\"${1:+, $1}}" >/dev/null
  curl "${emit[@]}" "$api/spaces/$space/jobs/poll" --data '{"autoAck": true}' | jq --raw-output '.jobs[0].id'
}
