#!/usr/bin/env bash
# need.sh build|java|test|stack|conformance: see that the programs a make target needs are there. Debian packages are installed where that is possible (as root, or
# with sudo that asks for no password); what is missing otherwise is named with the way to get it.
set -euo pipefail

missing=()
packages=()
need() { # program, Debian package or "-", hint
  command -v "$1" >/dev/null 2>&1 && return
  if [ "$2" != - ]; then packages+=("$2"); fi
  missing+=("$1: $3")
}

need go - "Go 1.26 or later, https://go.dev/dl/"
need node - "Node.js 20.19, 22.12 or later with npm, https://nodejs.org/"
if command -v node >/dev/null 2>&1 && ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'; then
  missing+=("node: $(node --version) is too old, the page needs Node.js 20.19, 22.12 or later, https://nodejs.org/")
fi
need npm - "comes with Node.js"
need gcc gcc "the Kafka client is linked with cgo"
if [ "${1:-build}" != build ]; then
  need javac default-jdk-headless "Java 17 or later: Flink's engines, and a client that is tested against"
  need mvn maven "Apache Maven 3.8 or later installs and builds them"
fi
if [ "${1:-build}" = test ] || [ "${1:-build}" = stack ]; then
  need redis-server redis-server "keeps the newest values"
  if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
    packages+=(postgresql)
    missing+=("PostgreSQL: one of the two stores of candles")
  fi
fi
if [ "${1:-build}" = test ]; then
  need chromium chromium "the page is tested in it"
  need mosquitto_sub mosquitto-clients "a third-party MQTT client that is tested against"
  if [ ! -e /usr/include/MQTTAsync.h ]; then
    packages+=(libpaho-mqtt-dev)
    missing+=("libpaho-mqtt-dev: Eclipse Paho's C library, a client that is tested against")
  fi
  for p in jq curl python3; do need $p $p "the client guide has programs with it"; done
  if ! python3 -c 'import ensurepip' 2>/dev/null; then
    packages+=(python3-venv)
    missing+=("venv: the client guide's Python program is installed with it")
  fi
fi
if [ "${1:-build}" = conformance ]; then
  need cargo - "Rust 1.88 or later, https://rustup.rs/"
  need patch patch "the suite's client is mended with it"
  need python3 python3 "the Eclipse suites are written in it"
fi

if [ ${#packages[@]} -gt 0 ] && command -v apt-get >/dev/null 2>&1; then
  sudo=
  if [ "$(id -u)" != 0 ]; then sudo="sudo -n"; fi
  if [ -z "$sudo" ] || $sudo true 2>/dev/null; then
    echo "installing Debian packages: ${packages[*]}" >&2
    $sudo apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    exec "$0" "$@"
  fi
fi

if [ ${#missing[@]} -gt 0 ]; then
  echo "make: these programs are missing:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  if [ ${#packages[@]} -gt 0 ]; then echo "  on Debian or Ubuntu: apt-get install ${packages[*]}" >&2; fi
  exit 1
fi
