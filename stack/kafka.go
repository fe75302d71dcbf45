package stack

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka"
)

const (
	partKafka  = "kafka"
	partTopics = "topics"
)

// replication is how many nodes hold each topic: there is one.
const replication = 1

// serverProperties is the configuration of the one node. The voters are static (KIP-853's dynamic ones would keep the controller's port in the log, and it may change from start to start).
// transaction.max.timeout.ms keeps its default of 15 minutes: Flink's own default, an hour, would be refused, so the SQL sets transactionTimeout.
const serverProperties = `process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.voters=1@%[2]s
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=%[3]s
num.network.threads=2
num.io.threads=2
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=%[4]d
log.cleaner.backoff.ms=1000
`

// How long the controller believes in a broker from which it hears nothing. To fence the only broker helps nobody, and harms: Kafka 4.3 takes a partition without a leader for one that was deleted
// and writes no marker to it (KAFKA-20734), so that a transaction of the ledger that is committed in that moment stays open for ever. A machine that stood still for longer than Kafka's default is
// enough for that. A broker that was killed, however, is let in again only when the session of its former life is over: from then on, for as long as that process lives, it is the default.
const (
	brokerSession           = time.Hour
	brokerSessionAfterCrash = 9 * time.Second
)

// sessionOf is the session for a start over a folder of logs. Kafka marks an orderly end there; again: this supervisor has started it before, so that it has died, whatever the mark says.
func sessionOf(logs string, again bool) time.Duration {
	if formatted(logs) && (again || !exists(filepath.Join(logs, ".kafka_cleanshutdown"))) {
		return brokerSessionAfterCrash
	}
	return brokerSession
}

func formatted(logs string) bool { return exists(filepath.Join(logs, "meta.properties")) }

// log4jConsole writes to the standard output, which is the part's log file. Its format is that of log4j 2's properties, for Kafka and for Flink.
const log4jConsole = `rootLogger.level=%s
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%%d{yyyy-MM-dd'T'HH:mm:ss,SSS} %%-5p %%c - %%m%%n
`

// javaHeap is a heap of fixed size for what lives long beside much that dies at once. Half of it is for the young, and nothing is copied more than once before it is old: a collection then comes
// each few seconds. With a goal for pauses (MaxGCPauseMillis=10) G1 shrank the young to a twentieth, and collected four times a second for 10 ms each. Huge pages, where the kernel gives
// them: memory that is touched for the first time costs a fault each 2 MiB, and not each 4 KiB.
func javaHeap(size configs.Bytes) []string {
	m := size >> 20
	return []string{fmt.Sprintf("-Xms%dm", m), fmt.Sprintf("-Xmx%dm", m), fmt.Sprintf("-Xmn%dm", m/2), "-XX:+UseG1GC", "-XX:MaxTenuringThreshold=1", "-XX:+UseTransparentHugePages"}
}

func (s *Stack) kafkaAddr() string { return loopback(s.cfg.Kafka.Port) }

// kafka is the one node of Apache Kafka, broker and controller in one process.
func (s *Stack) kafka() *part {
	again := false // it was started before
	dir := filepath.Join(s.dataDir, "kafka")
	properties, log4j := filepath.Join(dir, "server.properties"), filepath.Join(dir, "log4j2.properties")
	java := func(args ...string) *exec.Cmd {
		return exec.Command(s.tools.java, append([]string{"-Dlog4j2.configurationFile=file:" + log4j, "-Dkafka.logs.dir=" + dir, "-cp", filepath.Join(s.dist.kafka, "*")}, args...)...)
	}
	return s.part(program{name: partKafka, addr: s.kafkaAddr(), stop: syscall.SIGTERM, patience: dumpPatience,
		command: func() (*exec.Cmd, error) {
			logs := filepath.Join(dir, "logs")
			session := sessionOf(logs, again)
			again = true
			if session != brokerSession {
				s.say(partKafka, s.kafkaAddr(), fmt.Sprintf("did not end in order: it is let in again after %s", session))
			}
			if err := writeFiles(map[string]string{
				properties: fmt.Sprintf(serverProperties, s.kafkaAddr(), loopback(s.cfg.Kafka.ControllerPort), logs, session.Milliseconds()),
				log4j:      fmt.Sprintf(log4jConsole, "INFO"),
			}); err != nil {
				return nil, err
			}
			if !formatted(logs) {
				id := make([]byte, 16)
				if _, err := rand.Read(id); err != nil {
					return nil, err
				}
				id[0] &= 0x7f // an id that begins with '-' would be taken for an option
				if err := run(java("kafka.tools.StorageTool", "format", "--cluster-id", base64.RawURLEncoding.EncodeToString(id), "--config", properties)); err != nil {
					return nil, fmt.Errorf("format the folder of Kafka's logs: %w", err)
				}
			}
			cmd := java("kafka.Kafka", properties)
			cmd.Args = slices.Concat(cmd.Args[:1], javaHeap(s.cfg.Kafka.Heap), s.sharedClasses(s.dist.kafka, "server"), cmd.Args[1:])
			return cmd, nil
		},
		check: func(ctx context.Context) error { return s.askKafka(ctx) },
	})
}

// askKafka says whether the broker answers for its cluster.
func (s *Stack) askKafka(ctx context.Context) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.kafkaAddr())
	if err != nil {
		return err // a client of Kafka would say so on the terminal each time
	}
	c.Close()
	admin, err := kafka.NewAdmin(ctx, kafka.Config{Brokers: s.kafkaAddr()})
	if err != nil {
		return err
	}
	admin.Close()
	return nil
}

// topics sees that Kafka has the catalogue's topics.
func (s *Stack) topics() *part {
	return &part{name: partTopics, addr: s.kafkaAddr(), needs: []string{partKafka}, run: func(ctx context.Context, up func()) error {
		admin, err := kafka.NewAdmin(ctx, kafka.Config{Brokers: s.kafkaAddr()})
		if err != nil {
			return err
		}
		_, err = admin.Apply(ctx, kafka.Specs(s.cat), replication)
		admin.Close() // one that is kept says on the terminal, again and again, that Kafka is away
		if err != nil {
			return err
		}
		if err := s.awaitLeaders(ctx); err != nil {
			return err
		}
		up()
		<-ctx.Done()
		return nil
	}}
}

// awaitLeaders waits until every partition answers: Kafka says that a topic is created before its partitions have a leader, and who asks for offsets then ends with an error.
func (s *Stack) awaitLeaders(ctx context.Context) error {
	r, err := kafka.NewReader(kafka.Config{Brokers: s.kafkaAddr()}, kafka.ReaderOptions{Name: "stack"}, slog.Default())
	if err != nil {
		return err
	}
	defer r.Close()
	for i := range s.cat.Topics {
		for {
			_, err := r.Ranges(s.cat.Topics[i].Name)
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(checkEach):
			}
		}
	}
	return nil
}

// exists says whether there is a file, as far as that can be seen.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// writeFiles writes each file, and makes its folder.
func writeFiles(files map[string]string) error {
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
