# Two commands set everything up on a fresh machine: `make run` and `make test`. `make help` lists the others.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BIN     := bin/tickcast
GO_SRC  := $(shell find . -name '*.go' -not -path '*/node_modules/*') go.mod go.sum topics.yaml $(wildcard configs/*.yaml flink-sql/sql/*.sql stack/dist/*/*)
WEB_SRC := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*')
TOOLS   := $(CURDIR)/bin/tools
FUNCTIONS := flink-sql/java/functions/target/tickcast-flink.jar
NPM_CI  := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
DEPGUARD    := github.com/OpenPeeDeeP/depguard/v2/cmd/depguard@v2.3.0
NATS        := github.com/nats-io/nats-server/v2@v2.15.2

.PHONY: help run stack functions chaos build test check lint race java e2e interop stack-test stall kill fuzz conformance soak rest bench bench-edge bench-stack clean

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: build ## Build what is needed and start everything: page on 8080, MQTT on 1883, WebSocket on 8083 (ARGS="--venue binance" is live)
	$(BIN) up $(ARGS)

functions: $(FUNCTIONS) ## The jar that Flink's SQL calls

$(FUNCTIONS): $(shell find flink-sql/java -name '*.java' -path '*/main/*' -o -name pom.xml -path 'flink-sql/java/*')
	@deploy/need.sh java
	cd flink-sql/java && mvn -q -B -DskipTests package
	@touch $@

stack: build $(FUNCTIONS) ## Real Kafka, Flink, Redis and PostgreSQL on this machine, fetched and started; Ctrl-C stops them (ARGS="--ports auto")
	@deploy/need.sh stack
	$(BIN) stack up $(ARGS)

build: $(BIN) ## Build bin/tickcast with the page in it

$(BIN): $(GO_SRC) web/dist/index.html
	@deploy/need.sh build
	CGO_ENABLED=1 go build -trimpath -ldflags "-X main.version=$(VERSION)" -o $@ ./cmd/tickcast

web/dist/index.html: $(WEB_SRC)
	@deploy/need.sh build
	cd web && $(NPM_CI) && npm run --silent build
	@touch $@

test: ## Every test: checks, race detector, third-party clients, the page in a browser (installs what they need)
	@deploy/need.sh test
	$(MAKE) check java stack-test interop e2e
	$(MAKE) chaos CHAOS=1 CHECKPOINT=5s

check: lint race ## What needs no other program than Go and Node: format, vet, linters, unit tests with -race

lint: $(TOOLS)/staticcheck $(TOOLS)/depguard web/dist/index.html ## gofmt, vet, staticcheck, boundaries between packages
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); test -z "$$out" || { echo "gofmt: $$out"; exit 1; }
	go vet ./...
	$(TOOLS)/staticcheck ./...
	$(TOOLS)/depguard ./...

$(TOOLS)/staticcheck:
	GOBIN=$(TOOLS) go install $(STATICCHECK)

$(TOOLS)/depguard:
	GOBIN=$(TOOLS) go install $(DEPGUARD)

race: web/dist/index.html ## Go tests with the race detector, page tests
	go test -race -timeout 20m ./...
	cd web && npm run --silent typecheck && npm test --silent

java: ## The engines that Flink runs, and the SQL in a whole Flink: build, JUnit, and the same answers as compute on random logs (PARITY=20 of them for each core); needs Java 17 and Maven
	@deploy/need.sh java
	cd flink-sql/java && mvn -q -B test
	TICKCAST_REQUIRE=1 TICKCAST_PARITY=$(or $(PARITY),20) go test -count=1 -run Parity ./compute/candle ./compute/orderbook

stack-test: web/dist/index.html $(FUNCTIONS) ## Real Kafka, Flink, Redis and PostgreSQL, started once for all of these tests, and Tickcast's roles over them
	@deploy/need.sh stack
	TICKCAST_REQUIRE=1 go test -count=1 -timeout 45m -p 1 ./e2e/stack/... ./e2e/secured

CLIENTS := simexchange/clients/node_modules broker/clients/node_modules broker/clients/java/lib docs/snippets/node_modules docs/snippets/venv

interop: build $(CLIENTS) ## Third-party clients against the simulator and the edge, and the programs of the client guide
	TICKCAST_REQUIRE=1 go test -timeout 10m -run 'ThirdParty|Interop' ./simexchange/... ./broker/... ./e2e

stall: ## Third-party clients that stand still for a minute, are cut off, come back with their session and without (STALL=60s; some seconds of it are in `make test`)
	@deploy/need.sh test
	$(MAKE) build $(CLIENTS)
	TICKCAST_REQUIRE=1 TICKCAST_STALL=$(or $(STALL),60s) go test -count=1 -timeout 20m -v -run InteropStall ./e2e

%/node_modules: %/package-lock.json
	cd $* && $(NPM_CI)
	@touch $@

docs/snippets/venv: docs/snippets/requirements.txt
	python3 -m venv $@ && $@/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

broker/clients/java/lib: broker/clients/java/pom.xml broker/clients/java/libraries.sha256
	rm -rf $@
	cd $(@D) && mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime && sha256sum --quiet --strict -c libraries.sha256
	@touch $@

e2e: build ## The page in headless Chromium, against the whole system
	TICKCAST_REQUIRE=1 go test -count=1 -timeout 10m -run 'Browser' ./e2e

FUZZ := 1000000x

fuzz: ## Whatever a client can send, at every place that reads it, and a table at the end: so many inputs for each target (FUZZ=1000000x, or a time such as 60s)
	deploy/fuzz.sh $(FUZZ)

conformance: build ## The suites of others against the edge: SRC holds mqtt-lib (LabOverWire) and paho.mqtt.testing (Eclipse); needs Rust, Python
	@deploy/need.sh conformance
	broker/conformance/run.sh $(or $(SRC),$(error SRC is not set: the folder with work trees of the suites))

kill: web/dist/index.html ## kill -9 at thirty moments under load (a few are in `make test`)
	TICKCAST_KILLS=30 go test -count=1 -timeout 15m -v -run Killed ./e2e

chaos: build $(FUNCTIONS) ## kill -9 of each part of the stack under load, and a Kafka that stands still, five times each with 60 s checkpoints: an hour; the ledger, Redis, PostgreSQL and clients are checked (CHAOS=1 CHECKPOINT=5s is in `make test`; PARTS=taskmanager,edge: of these alone)
	@deploy/need.sh stack
	TICKCAST_CHAOS_PARTS=$(PARTS) TICKCAST_CHAOS=$(or $(CHAOS),5) TICKCAST_CHAOS_CHECKPOINT=$(or $(CHECKPOINT),60s) go test -count=1 -timeout 3h -v -run KilledParts ./e2e/chaos

soak: web/dist/index.html ## An hour at 1,000 trades/s with ten minutes of retention: memory, goroutines, files and data must level off (SOAK=60m)
	TICKCAST_SOAK=$(or $(SOAK),60m) go test -count=1 -timeout 0 -v -run Soak ./e2e

rest: web/dist/index.html ## CPU at rest: no client, 100 trades/s over four contracts, three runs of a minute; below 40 % of a core, by role
	TICKCAST_REST=3 go test -count=1 -timeout 15m -v -run AtRest ./e2e

bench: web/dist/index.html ## Event to MQTT client (trades, books), compute's trades, tickers and book diffs and the engine's commands per second on one core, the edge's cost per delivery, start with full logs
	go test -run '^$$' -bench . -benchtime 2s -cpu 1 ./compute/candle ./compute/orderbook ./matching ./engine/core
	go test -run '^$$' -bench . -benchtime 1s ./broker
	go test -run '^$$' -bench '^BenchmarkEventToClient$$/1000' -benchtime 1x ./e2e
	go test -run '^$$' -bench '^BenchmarkEventToClient$$/5000' -benchtime 1x ./e2e
	go test -run '^$$' -bench BookEventToClient -benchtime 1x ./e2e
	TICKCAST_START=3 go test -count=1 -timeout 15m -v -run StartIsQuick ./e2e

bench-edge: build $(TOOLS)/stock-mochi ## The edge beside mosquitto, nats-server and stock mochi, those that are there: about 6 minutes (ARGS="--runs 1" is shorter)
	@test -x $(TOOLS)/nats-server || GOBIN=$(TOOLS) go install $(NATS) || echo "nats-server: not to be had, goes on without"
	$(BIN) bench compare --tools $(TOOLS) $(ARGS)

bench-stack: build $(FUNCTIONS) ## Real Kafka and Flink, a bridge and an edge: trade to MQTT client stage by stage, a replay of 5 million trades: about 6 minutes (ARGS="--short" is shorter)
	@deploy/need.sh stack
	$(BIN) bench stack --plot bin/bench-stack.svg $(ARGS)

$(TOOLS)/stock-mochi: broker/stock/main.go go.mod
	go build -trimpath -o $@ ./broker/stock

clean: ## Remove what was built
	rm -rf bin flink-sql/java/*/target web/dist/assets web/dist/index.html web/node_modules $(CLIENTS)
