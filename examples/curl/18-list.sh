#!/usr/bin/env bash
# Lists, newest first, by status, name, tag or id; further pages by the `Link` header.
source "$(dirname "$0")/lib.sh"

curl "${emit[@]}" "$api/spaces/$space/jobs" \
  --data "$(jq --null-input '[range(7) | {name: "n\(. % 2)", tags: {customer: "c\(.)"}}]')" >/dev/null

list() { curl "${emit[@]}" "$api/spaces/$space/jobs?$1"; }
expect "$(list 'status=pending,running&name=n1' | jq 'map(.name)')" '. == ["n1", "n1", "n1"]'
expect "$(list 'tag=customer:c4' | jq 'map(.tags)')" '. == [{"customer": "c4"}]'

# Page by page. The address of the next page carries the cursor, never a token.
head=$(mktemp) next=/api/v1/spaces/$space/jobs?limit=3 seen=0
while [ -n "$next" ]; do
  page=$(curl "${emit[@]}" --dump-header "$head" "$EMIT_URL$next")
  seen=$((seen + $(jq length <<<"$page")))
  next=$(sed --quiet --regexp-extended 's/^link: <([^>]*)>; *rel="next".*/\1/Ip' "$head" | tr --delete '\r')
done
rm "$head"
same "$seen" 7
