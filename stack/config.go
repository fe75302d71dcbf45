// Package stack runs Tickcast's second form on one machine: it fetches and starts real Kafka, Flink, Redis and PostgreSQL, the SQL jobs and Tickcast's own roles, each a process of its
// own on loopback, keeps them running and stops them in reverse.
package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tickcast/tickcast/configs"
)

// How ports are chosen.
const (
	PortsFixed = "fixed"
	PortsAuto  = "auto"
)

// What Config.Only names.
const (
	OnlyServers = "servers" // without Tickcast's own roles
	OnlyFlink   = "flink"   // Kafka and Flink
	OnlyKafka   = "kafka"   // Kafka with its topics
)

// Config of the whole stack.
type Config struct {
	DataDir  string         `yaml:"data_dir"`  // data, logs and settings of every part
	CacheDir string         `yaml:"cache_dir"` // Maven artifacts, shared by all data folders; empty: the user's cache folder
	Ports    string         `yaml:"ports"`     // fixed, or auto: free ones
	Only     string         `yaml:"only"`      // servers: without the roles, for who runs them elsewhere; flink: Kafka and Flink; kafka: that alone; empty: everything
	Java     string         `yaml:"java"`      // program, 17 or later
	Kafka    KafkaConfig    `yaml:"kafka"`
	Flink    FlinkConfig    `yaml:"flink"`
	Redis    RedisConfig    `yaml:"redis"`
	Postgres PostgresConfig `yaml:"postgres"`
	Roles    RolesConfig    `yaml:"roles"`
}

// KafkaConfig is one node, broker and controller.
type KafkaConfig struct {
	Port           int           `yaml:"port"`
	ControllerPort int           `yaml:"controller_port"`
	Heap           configs.Bytes `yaml:"heap"`
}

// FlinkConfig is one JobManager and its TaskManagers.
type FlinkConfig struct {
	RestPort     int              `yaml:"rest_port"`
	RPCPort      int              `yaml:"rpc_port"`
	Functions    string           `yaml:"functions"` // jar with the process table functions of flink-sql/java
	TaskManagers int              `yaml:"taskmanagers"`
	Slots        int              `yaml:"slots"` // per TaskManager
	Parallelism  int              `yaml:"parallelism"`
	Heap         configs.Bytes    `yaml:"heap"`         // Java heap per TaskManager
	StateMemory  configs.Bytes    `yaml:"state_memory"` // RocksDB's, beside the heap, per TaskManager
	Checkpoint   configs.Duration `yaml:"checkpoint"`   // interval; the ledger's readers see a candle after the next one
}

// RedisConfig is one server.
type RedisConfig struct {
	Port int `yaml:"port"`
}

// PostgresConfig is one server.
type PostgresConfig struct {
	Port    int    `yaml:"port"`
	Account string `yaml:"account"` // PostgreSQL refuses to run as root; it then runs as this account of the system
}

// DefaultConfig has ports that servers installed as services do not have.
func DefaultConfig() Config {
	return Config{DataDir: "data/stack", Ports: PortsFixed, Java: "java",
		Kafka: KafkaConfig{Port: 19092, ControllerPort: 19093, Heap: 512 << 20},
		Flink: FlinkConfig{Functions: "flink-sql/java/functions/target/tickcast-flink.jar", RestPort: 18082, RPCPort: 16123, TaskManagers: 2, Slots: 4, Parallelism: 2, Heap: 1 << 30, StateMemory: 512 << 20, Checkpoint: configs.Duration(time.Minute)},
		Redis: RedisConfig{Port: 16379}, Postgres: PostgresConfig{Port: 15432, Account: "postgres"},
		Roles: RolesConfig{Rate: 4, PagePort: 8080, MQTTPort: 1883, WebSocketPort: 8083, AdminPort: 18083, HistoryPort: 18080, SimulatorPort: 18081}}
}

// Load reads a configuration file over the defaults; an empty path means the shipped stack.yaml. What it says is judged when it is used: options of the command line may still change it.
func Load(path string) (Config, error) {
	cfg := DefaultConfig()
	if path == "" {
		path = "stack.yaml"
	}
	if err := configs.Load(path, &cfg); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// jobs is how many Flink jobs there are: one for each kind of log.
const jobs = 2

// fits says whether there can be jobs of this parallelism.
func (f *FlinkConfig) fits(parallelism int) error {
	switch {
	case parallelism < 1 || parallelism > maxParallelism:
		return fmt.Errorf("flink.parallelism: %d, want 1 to %d", parallelism, maxParallelism)
	case jobs*parallelism > f.Slots*f.TaskManagers:
		return fmt.Errorf("flink.slots: %d jobs with parallelism %d need %d slots, %d TaskManagers have %d", jobs, parallelism, jobs*parallelism, f.TaskManagers, f.Slots*f.TaskManagers)
	}
	return nil
}

// functionsJar is the jar's absolute path: each part has a working folder of its own.
func (f *FlinkConfig) functionsJar() (string, error) {
	path, err := filepath.Abs(f.Functions)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return "", fmt.Errorf("flink.functions: %w (`make functions` builds it)", err)
	}
	return path, nil
}

func (c *Config) runsFlink() bool  { return c.Only != OnlyKafka }
func (c *Config) runsStores() bool { return c.Only == "" || c.Only == OnlyServers }
func (c *Config) runsRoles() bool  { return c.Only == "" }

// Validate names the key that is wrong.
func (c *Config) Validate() error {
	f := &c.Flink
	switch {
	case c.DataDir == "":
		return errors.New("data_dir: is missing")
	case c.Ports != PortsFixed && c.Ports != PortsAuto:
		return fmt.Errorf("ports: %q, want %s or %s", c.Ports, PortsFixed, PortsAuto)
	case c.Only != "" && c.Only != OnlyServers && c.Only != OnlyFlink && c.Only != OnlyKafka:
		return fmt.Errorf("only: %q, want %s, %s, %s or nothing", c.Only, OnlyServers, OnlyFlink, OnlyKafka)
	case c.Java == "":
		return errors.New("java: is missing")
	case c.Kafka.Heap < 128<<20:
		return fmt.Errorf("kafka.heap: %d bytes, want at least 128MiB", c.Kafka.Heap)
	case f.TaskManagers < 1 || f.TaskManagers > 64:
		return fmt.Errorf("flink.taskmanagers: %d, want 1 to 64", f.TaskManagers)
	case f.Slots < 1 || f.Slots > 64:
		return fmt.Errorf("flink.slots: %d, want 1 to 64", f.Slots)
	case f.fits(f.Parallelism) != nil:
		return f.fits(f.Parallelism)
	case f.Heap < 256<<20:
		return fmt.Errorf("flink.heap: %d bytes, want at least 256MiB", f.Heap)
	case f.StateMemory < 64<<20:
		return fmt.Errorf("flink.state_memory: %d bytes, want at least 64MiB", f.StateMemory)
	case f.Checkpoint.D() < time.Second || f.Checkpoint.D() > 5*time.Minute:
		// the exactly-once sink's transactions live from one checkpoint to the next, and must not come near transactionTimeout
		return fmt.Errorf("flink.checkpoint: %s, want 1s to 5m", f.Checkpoint)
	case c.Roles.Rate <= 0 || c.Roles.Rate > 10_000:
		return fmt.Errorf("roles.rate: %g, want above 0 and at most 10000 trades a second", c.Roles.Rate)
	case c.Postgres.Account == "":
		return errors.New("postgres.account: is missing")
	}
	taken := map[int]string{}
	for _, p := range c.ports() {
		if *p.port < 1 || *p.port > 65535 {
			return fmt.Errorf("%s: %d, want 1 to 65535", p.key, *p.port)
		}
		if other := taken[*p.port]; other != "" {
			return fmt.Errorf("%s: %d is that of %s too", p.key, *p.port, other)
		}
		taken[*p.port] = p.key
	}
	return nil
}
