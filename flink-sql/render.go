// Package flinksql renders the SQL of the Flink jobs. The files in sql/ have variables; names of topics come from the catalogue and from nowhere else.
package flinksql

import (
	"embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tickcast/tickcast/catalog"
)

//go:embed sql
var files embed.FS

// Job is one Flink job, which is one SQL file.
type Job string

// The jobs: one for each kind of log.
const (
	Candles Job = "candles"
	Books   Job = "books"
)

// CheckCandles computes closed candles a second time, by other means, of the log as it is, and ends: what `tickcast stack check` compares the ledger with.
const CheckCandles Job = "check_candles"

// Jobs are those that run all the time, in the order in which they are submitted.
func Jobs() []Job { return []Job{Candles, Books} }

// Name is the job's name in Flink.
func (j Job) Name() string { return "tickcast-" + string(j) }

// Classes of the functions, in the jar of flink-sql/java.
const (
	candlesClass = "io.tickcast.flink.CandlesPtf"
	booksClass   = "io.tickcast.flink.BooksPtf"
	tradedClass  = "io.tickcast.check.TradedAggregate"
)

// TransactionTimeout bounds the time between two checkpoints of the ledger's sink, restarts included. Kafka's transaction.max.timeout.ms is 15 minutes by default.
const TransactionTimeout = 10 * time.Minute

// Params are what differs between clusters and starts.
type Params struct {
	Brokers     string            // Kafka, host:port separated by commas
	Checkpoints string            // URI of the folder of this job's checkpoints
	Savepoints  string            // URI of the folder of this job's savepoints
	Recover     string            // URI of the checkpoint or savepoint that the job begins with; empty: without state, from the earliest records
	StartMs     int64             // the job's start: until a contract's state has seen a record written since, only the ledger is written
	Explain     bool              // print the plan instead of running
	Kafka       map[string]string // further properties of Kafka's Java clients: encryption and user. What is rendered from them holds the password
	Template    string            // another program's SQL of the job; empty: this one's
}

// Templates are the jobs' SQL with its variables.
func Templates() (map[Job]string, error) {
	all := map[Job]string{}
	for _, job := range Jobs() {
		text, err := files.ReadFile("sql/" + string(job) + ".sql")
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", job, err)
		}
		all[job] = string(text)
	}
	return all, nil
}

// Render returns a job's SQL.
func Render(job Job, cat *catalog.Catalog, p Params) (string, error) {
	text := p.Template
	if text == "" {
		own, err := files.ReadFile("sql/" + string(job) + ".sql")
		if err != nil {
			return "", fmt.Errorf("job %s: %w", job, err)
		}
		text = string(own)
	}
	values := map[string]string{
		"brokers": p.Brokers, "checkpoints": p.Checkpoints, "savepoints": p.Savepoints,
		"start_ms": strconv.FormatInt(p.StartMs, 10), "transaction_timeout_ms": strconv.FormatInt(TransactionTimeout.Milliseconds(), 10),
		"function.candles": candlesClass, "function.books": booksClass, "function.traded": tradedClass, "verb": "EXECUTE",
	}
	if p.Explain {
		values["verb"] = "EXPLAIN"
	}
	for _, t := range cat.Topics {
		values["topic."+t.Name] = t.Name
	}
	for name, v := range values {
		if strings.ContainsAny(v, "'\n") {
			return "", fmt.Errorf("job %s: variable %s: %q cannot stand in SQL", job, name, v)
		}
	}
	security, err := connection(p.Kafka)
	if err != nil {
		return "", fmt.Errorf("job %s: %w", job, err)
	}
	values["security"] = security
	values["recovery"] = "-- no state to recover from"
	if p.Recover != "" {
		if strings.ContainsAny(p.Recover, "'\n") {
			return "", fmt.Errorf("job %s: recovery: %q cannot stand in SQL", job, p.Recover)
		}
		values["recovery"] = "SET 'execution.state-recovery.path' = '" + p.Recover + "';"
	}
	return expand(string(job)+".sql", text, values)
}

// shaded is in front of the names of Kafka's classes in Flink's SQL connector.
const shaded = "org.apache.flink.kafka.shaded."

// connection are options of a table for properties of Kafka's client. Errors never contain a value.
func connection(properties map[string]string) (string, error) {
	all := map[string]string{"security.protocol": "PLAINTEXT"}
	maps.Copy(all, properties)
	var options []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		v := all[key]
		if strings.ContainsFunc(key+v, unicode.IsControl) {
			return "", fmt.Errorf("property %.40q of Kafka's client holds a control character, and cannot stand in SQL", key)
		}
		if key == "sasl.jaas.config" {
			v = shaded + v
		}
		options = append(options, "'properties."+key+"' = '"+strings.ReplaceAll(v, "'", "''")+"'")
	}
	return strings.Join(options, ",\n  "), nil
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// expand fills in the variables; one that has no value, or an empty one, is an error that names its line.
func expand(file, text string, values map[string]string) (string, error) {
	var unset []error
	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		lines[i] = variable.ReplaceAllStringFunc(l, func(v string) string {
			name := v[2 : len(v)-1]
			if values[name] == "" {
				unset = append(unset, fmt.Errorf("%s:%d: variable %s is not set", file, i+1, name))
			}
			return values[name]
		})
	}
	return strings.Join(lines, ""), errors.Join(unset...)
}
