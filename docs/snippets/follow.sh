#!/usr/bin/env bash
# Follows one contract: candle, closed candles, order book, trades. Needs mosquitto_sub (or SUB=tickcast), jq and curl.
# follow.sh [edge] [rest] [contract] [period] [resolution]
set -euo pipefail
edge=${1:-mqtt://localhost:1883} rest=${2:-http://localhost:8080} contract=${3:-BTCUSDT} period=${4:-1m} resolution=${5:-1}
filters=("candle/$period/$contract" "candle/$period/$contract/closed" "orderbook/$resolution/$contract" "trade/$contract")

# A line for each message: topic, blank, payload. Both programs connect again by themselves.
messages() {
  if [ -n "${SUB:-}" ]; then exec "$SUB" sub --url "$edge" "${filters[@]}"; fi
  local args=() address=${edge#mqtt://}
  for f in "${filters[@]}"; do args+=(-t "$f"); done
  exec mosquitto_sub -V 5 -h "${address%:*}" -p "${address##*:}" -k 20 -q 1 -v "${args[@]}"
}

# What is not empty (that is a delisted contract), by the version rule, on closed topics per t: jq compares arrays part by part, and null is less than any.
newer='foreach (inputs | select(test(" \\{")) | index(" ") as $i | {topic: .[:$i], m: (.[$i + 1:] | fromjson)}) as {$topic, $m} ({held: {}};
  (if $topic | endswith("/closed") then "\($topic) \($m.t)" else $topic end) as $key
  | [$m.epoch, $m.t // 0, $m.seq] as $version
  | .new = ($version > .held[$key])
  | if .new then .held[$key] = $version else . end;
  select(.new) | $topic / "/"
  | if .[-1] == "closed" then ["closed", $m.t, $m.T, $m.c]
    elif .[0] == "candle" then ["candle", $m.epoch, $m.t, $m.seq, $m.c]
    elif .[0] == "orderbook" then ["book", $m.epoch, $m.seq, $m.b[0][0], $m.a[0][0]]
    else [$m.k, $m.a, $m.p // "-"] end | map(tostring) | join(" "))'

ask() { curl -fsS --retry 20 --retry-all-errors --retry-delay 1 "$rest/api/v3/$1"; }

fill_candles() { # open times: from, until
  local from=$1 until=$2 rows end
  while [ "$from" -lt "$until" ]; do
    rows=$(ask "klines?symbol=$contract&interval=$period&startTime=$from&endTime=$until&limit=1000")
    jq -r '.[:-1][] | "closed \(.[0]) \(.[4]) rest"' <<<"$rows" # the last row may still be open
    end=$(jq ".[-1][0] // $from" <<<"$rows")
    if [ "$end" -le "$from" ]; then sleep 0.5; fi # REST is a moment behind
    from=$end
  done
}

fill_trades() { # ids: from, until
  local from=$1 until=$2 rows n
  while [ "$from" -lt "$until" ]; do
    n=$((until - from < 1000 ? until - from : 1000))
    rows=$(ask "aggTrades?symbol=$contract&fromId=$from&limit=$n")
    jq -r ".[] | select(.a < $until) | \"trade \(.a) \(.p) rest\"" <<<"$rows"
    if [ "$rows" = "[]" ]; then sleep 0.5; fi # REST is a moment behind
    from=$(jq "(.[-1].a // $((from - 1))) + 1" <<<"$rows")
  done
}

next_candle='' next_trade=''
messages | jq -nrR --unbuffered "$newer" | while read -r what a b c d; do
  case $what in
  closed) # a: open time, b: close time, c: close
    echo "closed $a $c live"
    if [ -n "$next_candle" ] && [ "$a" -gt "$next_candle" ]; then fill_candles "$next_candle" "$a"; fi
    if [ "$((b + 1))" -gt "${next_candle:-0}" ]; then next_candle=$((b + 1)); fi
    ;;
  trade) # a: id, b: price
    if [ -n "$next_trade" ] && [ "$a" -gt "$next_trade" ]; then fill_trades "$next_trade" "$a"; fi
    next_trade=$((a + 1))
    echo "trade $a $b live"
    ;;
  *) echo "$what $a $b $c $d" ;;
  esac
done
