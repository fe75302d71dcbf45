package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const partJobManager = "jobmanager"

func partTaskManager(n int) string { return fmt.Sprintf("taskmanager-%d", n) }

// maxParallelism is the number of key groups. It is fixed for ever: state of another number cannot be restored.
const maxParallelism = 128

// flinkConfig is config.yaml of all of Flink's processes; that of jobs is read by the SQL client, which submits them. What departs from a default and why:
// the buffer timeout (100 ms) and heartbeats (10 s, 50 s) are far too slow for live prices. A process that has died refuses two heartbeats and is known to be gone in about a second; heartbeat.timeout is
// for machines that vanish, and above what a machine with too much to do makes processes stand still, who would be taken for dead and make it worse. For so long TaskManagers also go on computing
// without their JobManager, while the supervisor starts another; jobs are spread over all TaskManagers (by default the first would have everything) until one dies, so that those that are left have the jobs' classes loaded and compiled; a job that has run for half a minute begins again after the shortest delay (by default each failure of an hour makes the next delay longer);
// RocksDB's timers would cost a read each, and there are none; three retained checkpoints outlive a JobManager,
// and a person can go back to an older one by removing the newest: the ledger then has what came since twice, so nothing does that by itself. blob.server.port and the TaskManagers' ports are 0: nobody but they themselves need to know them.
const flinkConfig = `jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: %[1]d
jobmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: %[2]d
taskmanager.load-balance.mode: SLOTS
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: %[3]d
parallelism.default: %[4]d
pipeline.max-parallelism: %[5]d
pipeline.object-reuse: true
execution.buffer-timeout.interval: 0 ms
table.exec.mini-batch.enabled: false
state.backend.type: rocksdb
state.backend.rocksdb.timer-service.factory: HEAP
state.backend.rocksdb.memory.managed: true
execution.checkpointing.interval: %[6]d ms
execution.checkpointing.mode: EXACTLY_ONCE
execution.checkpointing.incremental: true
execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION
execution.checkpointing.num-retained: 3
execution.checkpointing.unaligned.enabled: true
execution.checkpointing.aligned-checkpoint-timeout: 2 s
restart-strategy.type: exponential-delay
restart-strategy.exponential-delay.initial-backoff: 200 ms
restart-strategy.exponential-delay.max-backoff: 10 s
restart-strategy.exponential-delay.reset-backoff-threshold: 30 s
heartbeat.interval: 500
heartbeat.timeout: 15000
heartbeat.rpc-failure-threshold: 2
`

// quietClients leaves out of the logs the hundred settings that each of Kafka's many clients prints when it is made.
const quietClients = `logger.kafka.name=org.apache.flink.kafka.shaded.org.apache.kafka
logger.kafka.level=WARN
`

// javaModules opens what Flink reaches into since Java 17. The list is env.java.opts.all of Flink's own config.yaml, which only its shell scripts read.
func javaModules() []string {
	args := []string{"--add-exports=java.base/sun.net.util=ALL-UNNAMED", "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED", "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED"}
	for _, p := range []string{"api", "file", "parser", "tree", "util"} {
		args = append(args, "--add-exports=jdk.compiler/com.sun.tools.javac."+p+"=ALL-UNNAMED")
	}
	for _, p := range []string{"java.lang", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.lang.reflect", "java.text", "java.time", "java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks"} {
		args = append(args, "--add-opens=java.base/"+p+"=ALL-UNNAMED")
	}
	return args
}

func (s *Stack) flinkDir() string { return filepath.Join(s.dataDir, "flink") }

func (s *Stack) writeFlinkConfig() error {
	f, dir := &s.cfg.Flink, s.flinkDir()
	if err := os.MkdirAll(filepath.Join(dir, "plugins"), 0o755); err != nil {
		return err
	}
	return writeFiles(map[string]string{
		filepath.Join(dir, "conf", "config.yaml"):      fmt.Sprintf(flinkConfig, f.RPCPort, f.Slots, f.RestPort, f.Parallelism, maxParallelism, f.Checkpoint.D().Milliseconds()),
		filepath.Join(dir, "conf", "log4j.properties"): fmt.Sprintf(log4jConsole, "INFO") + quietClients,
	})
}

// remotingTimeout is how long a process of Flink may take until it can be reached: 10 s by default, after which it gives up, as it does on a machine that is busy with other JVMs. Flink's own
// option for it (pekko.startup-timeout) is one that Pekko does not read any more; Pekko's defaults are overridden by properties of the JVM.
const remotingTimeout = "-Dpekko.remote.classic.startup-timeout=120s"

// flinkJava is the process of Flink that a part is: options of the JVM, class and arguments. Its folder for temporary files is emptied: what died with kill -9 has left its jars and copies of state there. On the class path are Flink and the jars of more; our functions come with each job, so that an upgrade can bring others.
func (s *Stack) flinkJava(part string, options, more []string, class string, args ...string) (*exec.Cmd, error) {
	tmp := filepath.Join(s.flinkDir(), "tmp", part)
	if err := os.RemoveAll(tmp); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return nil, err
	}
	conf := filepath.Join(s.flinkDir(), "conf")
	jars := []string{filepath.Join(s.dist.flink, "*")}
	all := slices.Concat(javaModules(), options, s.sharedClasses(s.dist.flink, class[strings.LastIndexByte(class, '.')+1:]), []string{remotingTimeout})
	all = append(all, "-Djava.io.tmpdir="+tmp, "-Dlog4j.configurationFile=file:"+filepath.Join(conf, "log4j.properties"), "-cp", strings.Join(append(jars, more...), ":"), class)
	cmd := exec.Command(s.tools.java, append(all, args...)...)
	cmd.Env = append(os.Environ(), "FLINK_CONF_DIR="+conf, "FLINK_LIB_DIR="+s.dist.flink, "FLINK_OPT_DIR="+s.dist.flinkClient, "FLINK_PLUGINS_DIR="+filepath.Join(s.flinkDir(), "plugins"))
	return cmd, nil
}

// shownLog tells Flink which file its page shows as a process's log.
func (s *Stack) shownLog(part string) string { return "-Dlog.file=" + s.logFile(part) }

func (s *Stack) restAddr() string { return loopback(s.cfg.Flink.RestPort) }

func (s *Stack) jobManager() *part {
	return s.part(program{name: partJobManager, addr: "http://" + s.restAddr(), stop: syscall.SIGTERM, patience: dumpPatience,
		command: func() (*exec.Cmd, error) {
			if err := s.writeFlinkConfig(); err != nil {
				return nil, err
			}
			// nothing that it does is worth compiling twice or collecting beside other threads
			return s.flinkJava(partJobManager, []string{"-Xms400m", "-Xmx400m", "-XX:MaxMetaspaceSize=256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", s.shownLog(partJobManager)}, nil,
				"org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", "--configDir", filepath.Join(s.flinkDir(), "conf"))
		},
		check: func(ctx context.Context) error {
			_, err := s.taskManagers(ctx)
			return err
		},
	})
}

// Parts of a TaskManager's memory beside task heap and state. A TaskManager that no shell script starts refuses to run unless each is given (TaskExecutorResourceUtils.CONFIG_OPTIONS), metaspace
// and overhead too; a minimum and a maximum must be equal.
const (
	frameworkHeapMiB    = 128
	frameworkOffHeapMiB = 128
	taskOffHeapMiB      = 128 // direct buffers of Kafka's clients
	networkMiB          = 128
	metaspaceMiB        = 256
	overheadMiB         = 192
)

// taskManagerRest is how long a TaskManager that has died is not started again: where the slots of the others are enough, the jobs begin again there at once, and the start of a JVM would take
// the processor from them. That takes 3 s where the others have run the jobs before, and 4 to 7 where they are as fresh.
func (s *Stack) taskManagerRest() time.Duration {
	if f := &s.cfg.Flink; jobs*int(s.parallelism.Load()) <= f.Slots*(f.TaskManagers-1) {
		return 10 * time.Second
	}
	return 0
}

func (s *Stack) taskManager(n int) *part {
	name := partTaskManager(n)
	starts, id := 0, ""
	return s.part(program{name: name, needs: []string{partJobManager}, stop: syscall.SIGTERM, patience: dumpPatience, rest: s.taskManagerRest,
		command: func() (*exec.Cmd, error) {
			if err := s.writeFlinkConfig(); err != nil {
				return nil, err
			}
			starts++
			id = fmt.Sprintf("%s.%d", name, starts) // the JobManager may not know yet that the one before is dead
			heapMiB := int(s.cfg.Flink.Heap >> 20)
			args := []string{"--configDir", filepath.Join(s.flinkDir(), "conf"), "-D", "taskmanager.resource-id=" + id, "-D", "taskmanager.cpu.cores=1.0"}
			for _, m := range []struct {
				key string
				mib int
			}{
				{"framework.heap.size", frameworkHeapMiB}, {"task.heap.size", heapMiB - frameworkHeapMiB}, {"framework.off-heap.size", frameworkOffHeapMiB}, {"task.off-heap.size", taskOffHeapMiB},
				{"network.min", networkMiB}, {"network.max", networkMiB}, {"managed.size", int(s.cfg.Flink.StateMemory >> 20)}, {"jvm-metaspace.size", metaspaceMiB},
				{"jvm-overhead.min", overheadMiB}, {"jvm-overhead.max", overheadMiB},
			} {
				args = append(args, "-D", fmt.Sprintf("taskmanager.memory.%s=%dm", m.key, m.mib))
			}
			options := append(javaHeap(s.cfg.Flink.Heap), fmt.Sprintf("-XX:MaxDirectMemorySize=%dm", frameworkOffHeapMiB+taskOffHeapMiB+networkMiB), fmt.Sprintf("-XX:MaxMetaspaceSize=%dm", metaspaceMiB), s.shownLog(name))
			return s.flinkJava(name, options, nil, "org.apache.flink.runtime.taskexecutor.TaskManagerRunner", args...)
		},
		check: func(ctx context.Context) error {
			ids, err := s.taskManagers(ctx)
			if err != nil {
				return err
			}
			if slices.Contains(ids, id) {
				return nil
			}
			return fmt.Errorf("is not registered at the JobManager %s", s.restAddr())
		},
	})
}
