#!/usr/bin/env bash
# Log lines of a job, by level and by text.
source "$(dirname "$0")/lib.sh"

id=$(running)
lines=$(curl "${emit[@]}" "$api/jobs/$id/logs" --data '{"lines": [
  {"level": "info", "message": "started"},
  {"level": "warn", "message": "slow disk", "fields": {"ms": 512}},
  {"level": "error", "message": "disk full"}
]}')
expect "$lines" '. == {"fromLine": 1, "toLine": 3}'
expect "$(curl "${emit[@]}" "$api/jobs/$id/logs?level=warn,error")" 'map(.line) == [2, 3]'
expect "$(curl "${emit[@]}" "$api/jobs/$id/logs?q=disk&after=2")" 'map(.message) == ["disk full"]'
