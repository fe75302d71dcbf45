#!/usr/bin/env bash
# fuzz.sh TIME: run every target that reads a client's bytes, TIME each (1000000x: so many inputs; or 60s), and print a table of what was done. It ends with 1 where
# a target fails; the input that did it is then in that package's testdata/fuzz, and stays there as a test. TARGETS is which of them are run, a regular expression.
set -uo pipefail
time=${1:?how much: 1000000x or 60s}
targets=(
  "broker/wire FuzzReader"  # MQTT packets, before anything is done with them
  "broker FuzzPackets"      # the same beside mochi's decoder
  "broker FuzzFilters"      # topic filters and topics
  "broker FuzzRate"         # the user property by which a client asks for fewer updates
  "broker FuzzFrames"       # WebSocket frames
  "broker FuzzProxyHeader"  # PROXY protocol headers
  "broker/token FuzzVerify" # tokens, in CONNECT's password
  "broker/token FuzzClaims" # what signed ones say
  "history FuzzRequest"     # REST queries
  "broker FuzzAdmin"        # calls of the admin port, on a live edge
  "broker FuzzConnection"   # a live edge over TCP: anonymous clients, publishers
  "broker FuzzWebSocket"    # the same through WebSockets
  "broker FuzzGeneral"      # the same where clients may publish
)
# Coverage guides the inputs only of what reads them: counting in all that is linked, as `go test -fuzz` does, takes 50 times as long for each. Inputs that are
# kept are made no smaller, which takes a minute for each.
guided=()
for p in tickcast/tickcast/broker/... tickcast/tickcast/history tickcast/tickcast/binanceapi gorilla/websocket pires/go-proxyproto go-jose/go-jose/v4 go-jose/go-jose/v4/jwt; do
  guided+=(-gcflags="github.com/$p=-d=libfuzzer")
done

cd "$(dirname "$0")/.."
bin=$PWD/bin/fuzz rows=$(mktemp) log=$(mktemp)
trap 'rm -f "$rows" "$log"' EXIT
mkdir -p "$bin"

# most PID: the most memory in MiB of a process and those that it has started, looked at each second until it ends.
most() {
  local most=0 now
  while kill -0 "$1" 2>/dev/null; do
    now=$(ps -o rss= -p "$1" --ppid "$1" | awk '$1 > m { m = $1 } END { print int(m / 1024) }')
    if ((now > most)); then most=$now; fi
    sleep 1
  done
  echo "$most"
}

declare -A built
failed=0 total=0
for row in "${targets[@]}"; do
  read -r package target <<<"$row"
  if ! [[ $target =~ ${TARGETS:-.} ]]; then continue; fi
  test=$bin/${package//\//-}.test
  if [ -z "${built[$package]:-}" ]; then go test -c "${guided[@]}" -o "$test" "./$package" || exit 1; fi
  built[$package]=yes
  start=$(date +%s)
  # Whatever else the machine does goes first.
  (cd "$package" && exec nice -n 9 "$test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.parallel 1 -test.fuzzminimizetime 1x \
    -test.fuzzcachedir "$bin/inputs/$package" >"$log" 2>&1) &
  memory=$(most $!)
  if wait $!; then verdict=passed; else verdict=FAILED failed=1; grep -v '^fuzz: elapsed' "$log" >&2; fi
  took=$(($(date +%s) - start))
  read -r inputs new corpus < <(sed -nE 's/^fuzz: elapsed: .*, execs: ([0-9]+) .*new interesting: ([0-9]+) \(total: ([0-9]+)\)$/\1 \2 \3/p' "$log" | tail -1)
  total=$((total + ${inputs:-0}))
  printf '%-16s %-13s %11s %8s %8s %8s %6s  %s\n' "$target" "$package" "${inputs:-?}" "${new:-?}" "${corpus:-?}" "$took" "$memory" "$verdict" | tee -a "$rows" >&2
done
printf '\n%-16s %-13s %11s %8s %8s %8s %6s\n' target package inputs new corpus seconds MiB
cat "$rows"
printf '%-16s %-13s %11s\n' all "" "$total"
exit $failed
