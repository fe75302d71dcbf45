#!/usr/bin/env bash
# run.sh SRC: run the conformance suites of others against an edge with configs/conformance.yaml, and print a table; it ends with 1 where one of them shows less
# than it must. SRC holds work trees of LabOverWire/mqtt-lib and eclipse/paho.mqtt.testing, as mqtt-lib and paho.mqtt.testing; the first is built (Rust, some
# minutes) and patched: its client would lose an answer that comes before it has begun to wait.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
src=$(cd "$1" && pwd) || exit 2
host=127.0.0.1 port=22883 web=28084
out=$(mktemp -d)
say() { echo "conformance: $*" >&2; }

for suite in mqtt-lib paho.mqtt.testing/interoperability; do
  if ! [ -d "$src/$suite" ]; then say "there is no $src/$suite"; exit 2; fi
done
patch=$here/early-ack.patch
if patch -d "$src/mqtt-lib" -p1 -N --dry-run -s <"$patch" >/dev/null 2>&1; then
  patch -d "$src/mqtt-lib" -p1 -N -s <"$patch" || exit 2
elif ! patch -d "$src/mqtt-lib" -p1 -R --dry-run -s <"$patch" >/dev/null 2>&1; then
  say "early-ack.patch does not fit this mqtt-lib: answers may be lost"
fi
(cd "$src/mqtt-lib" && cargo build -q -p mqtt5-conformance-cli) || exit 2

if (exec 3<>/dev/tcp/$host/$port) 2>/dev/null; then say "something listens on port $port already"; exit 2; fi
"$here/../../bin/tickcast" broker --config conformance.yaml 2>"$out/edge.log" &
edge=$!
trap 'kill $edge 2>/dev/null; wait $edge 2>/dev/null' EXIT
for _ in $(seq 300); do
  (exec 3<>/dev/tcp/$host/$port) 2>/dev/null && break
  if ! kill -0 $edge 2>/dev/null; then cat "$out/edge.log" >&2; exit 2; fi
  sleep 0.1
done

cat >"$out/sut.toml" <<TOML
name = "tickcast"
address = "mqtt://$host:$port"
ws_address = "ws://$host:$web/mqtt"
[capabilities]
max_qos = 2
retain_available = true
wildcard_subscription_available = true
subscription_identifier_available = true
shared_subscription_available = true
assigned_client_id_supported = true
strict_client_id_charset = true
dollar_sys_publish = false
[capabilities.transports]
tcp = true
websocket = true
TOML
failed=0
row() { # suite, passed, failed, known, skipped, wanted
  printf '%-18s %6s %6s %5s %7s   %s\n' "$@" >>"$out/table"
}
row suite passed failed known skipped wanted

# Two tests want a copy of a message for each overlapping subscription, where the Eclipse suite wants one with all identifiers. The standard allows both [3.3.4].
known='overlapping_subs_max_qos_delivered|overlapping_subs_subscription_ids_per_copy'
export RUST_BACKTRACE=0
suite=("$src/mqtt-lib/target/debug/mqtt5-conformance" --sut "$out/sut.toml")
"${suite[@]}" --test-threads 8 >"$out/mqtt5.txt" 2>"$out/mqtt5.err" || true
read -r P F S < <(sed -nE 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed; ([0-9]+) ignored.*/\1 \2 \3/p' "$out/mqtt5.txt")
P=${P:-0} F=${F:-0} S=${S:-0} K=0
for name in $(sed -nE 's/^test .*::([a-z0-9_]+) \[.*\.\.\. FAILED$/\1/p' "$out/mqtt5.txt"); do
  if [[ $name =~ ^($known)$ ]]; then
    K=$((K + 1)) F=$((F - 1))
  elif "${suite[@]}" "::$name [" >"$out/again-$name.txt" 2>&1; then # alone: eight at once have their own time limits
    echo "mqtt5-conformance $name passed at attempt 2"
    P=$((P + 1)) F=$((F - 1))
  else
    echo "mqtt5-conformance $name FAILED: $(grep -m1 "^$name: " "$out/mqtt5.txt" | cut -d' ' -f2-)"
  fi
done
row mqtt5-conformance "$P" "$F" "$K" "$S" "184 passed, 2 known, 1 skipped"
if ((P < 184 || F > 0 || S > 1)); then failed=1; fi

eclipse() { # module, name, wanted
  local got all
  python3 "$here/eclipse.py" "$src/paho.mqtt.testing/interoperability" "$1" $host $port | tee "$out/$1.txt" | grep -v ' passed$'
  read -r got all < <(sed -nE "s/^$1: ([0-9]+) of ([0-9]+) passed$/\1 \2/p" "$out/$1.txt")
  row "$2" "${got:-0}" "$((${all:-$3} - ${got:-0}))" "" "" "$3 passed"
  if ((${got:-0} < $3)); then failed=1; fi
}
eclipse client_test "paho, MQTT 3.1.1" 10
eclipse client_test5 "paho, MQTT 5" 27

grep -E 'level=ERROR|^panic' "$out/edge.log" || true
if ! kill -0 $edge 2>/dev/null; then say "the edge has ended"; failed=1; fi
echo
cat "$out/table"
say "logs: $out"
exit $failed
