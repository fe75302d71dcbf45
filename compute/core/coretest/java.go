package coretest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tickcast/tickcast/compute/core"
	"github.com/tickcast/tickcast/market"
)

// javaFolder holds the second implementation, seen from a core's own folder.
const javaFolder = "../../flink-sql/java/engine/src/"

// Java is a process that runs the second implementation's engines (its Pipe says in which form). It belongs to one test.
type Java struct {
	in  *bufio.Writer
	out *bufio.Reader
}

// StartJava compiles the engines, if there is a Java compiler, and starts them. They end with the test.
func StartJava(t *testing.T) *Java {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("TICKCAST_REQUIRE") != "" {
		missing = t.Fatalf
	}
	for _, program := range []string{"javac", "java"} {
		if _, err := exec.LookPath(program); err != nil {
			missing("parity with the Java engines is not tested: %v (Java 17 or later)", err)
		}
	}
	files := []string{javaFolder + "test/java/io/tickcast/engine/Pipe.java"}
	err := filepath.WalkDir(javaFolder+"main/java", func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".java" && d.Name() != "package-info.java" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	classes := t.TempDir()
	if out, err := exec.Command("javac", append([]string{"--release", "17", "-d", classes}, files...)...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	cmd := exec.Command("java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", classes, "io.tickcast.engine.Pipe")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("java: %v\n%s", err, stderr.String())
		}
	})
	return &Java{bufio.NewWriterSize(in, 1<<16), bufio.NewReaderSize(out, 1<<16)}
}

func (j *Java) number(v int64) { j.in.Write(binary.BigEndian.AppendUint64(nil, uint64(v))) }

func (j *Java) bytes(b []byte) {
	j.in.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
	j.in.Write(b)
}

// read reads bytes that follow their number; -1 is nil.
func (j *Java) read() ([]byte, error) {
	var n int32
	if err := binary.Read(j.out, binary.BigEndian, &n); err != nil || n < 0 {
		return nil, err
	}
	b := make([]byte, n)
	_, err := io.ReadFull(j.out, b)
	return b, err
}

// answer reads what one record gave: its outputs, one by one, and its verdict.
func (j *Java) answer(outputs []string) ([]string, byte, string, error) {
	for {
		more, err := j.out.ReadByte()
		if err != nil {
			return nil, 0, "", err
		}
		if more == 0 {
			break
		}
		var parts [5][]byte
		for i := range parts {
			if parts[i], err = j.read(); err != nil {
				return nil, 0, "", err
			}
		}
		outputs = append(outputs, line(string(parts[0]), string(parts[1]), parts[2], parts[3], parts[4]))
	}
	verdict, err := j.out.ReadByte()
	if err != nil {
		return nil, 0, "", err
	}
	reason, err := j.read()
	return outputs, verdict, string(reason), err
}

func line(topic, kind string, ver, key, value []byte) string {
	if value == nil {
		value = []byte("null")
	}
	return fmt.Sprintf("%s %s %x %s %s", topic, kind, ver, key, value)
}

// unreadable is the verdict of Java's engines on what the decoder refuses, which no core sees here.
const unreadable = byte(core.Invalid) + 1

// step is one record of a log as both sides get it.
type step struct {
	again     bool // begin: Java's engine is made anew from its state
	startMs   int64
	appendMs  int64
	computeMs int64
	thin      bool
}

// Compare runs one contract's log through both implementations, with random times of Kafka, thinning and restarts, and compares every verdict, refusal and output, bytes and order.
// product is 'c' for candles, 'b' for books. The numbers of outputs and of refusals are returned.
func (j *Java) Compare(t *testing.T, r *rand.Rand, product byte, contract string, lines [][]byte, machine func(contract string, startMs int64, emit func(*core.Output)) Machine) (outputs, refused int) {
	t.Helper()
	steps := make([]step, len(lines))
	startMs := int64(r.IntN(1 + len(lines)/4))
	first := startMs
	thin, restarts := r.IntN(10), r.IntN(2)*(1+r.IntN(300))
	for i := range steps {
		if restarts > 0 && r.IntN(restarts) == 0 {
			steps[i].again = true
			if r.IntN(5) == 0 { // another job
				startMs = int64(i + r.IntN(100))
			}
		}
		steps[i].startMs, steps[i].appendMs, steps[i].computeMs, steps[i].thin = startMs, int64(i), int64(i%3), r.IntN(10) < thin
	}
	sent := make(chan error, 1)
	go func() { sent <- j.send(product, contract, first, lines, steps) }()

	var got, want []string
	emit := func(o *core.Output) { want = append(want, line(o.Topic, o.Kind, o.Ver, o.Key, o.Value)) }
	m := machine(contract, first, emit)
	startMs = first
	var d market.Decoder
	var rec market.Record
	for i, s := range steps {
		if s.startMs != startMs {
			startMs = s.startMs
			state := State(m)
			m = machine(contract, startMs, emit)
			if _, err := m.LoadState(state); err != nil {
				t.Fatal(err)
			}
		}
		want = want[:0]
		verdict, reason := unreadable, ""
		if err := d.Decode(lines[i], &rec); err == nil && rec.Contract == contract {
			v, err := m.Apply(&core.Input{Record: &rec, Value: lines[i], AppendMs: s.appendMs, ComputeMs: s.computeMs, Thin: s.thin})
			verdict = byte(v)
			if err != nil {
				reason = err.Error()
			}
		}
		if verdict >= byte(core.Invalid) {
			refused++
		}
		var v byte
		var why string
		var err error
		got, v, why, err = j.answer(got[:0])
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if v != verdict || verdict != unreadable && why != reason {
			t.Fatalf("record %d: %s\nJava says %d %s\nGo says   %d %s", i, lines[i], v, why, verdict, reason)
		}
		for k := range max(len(got), len(want)) {
			var g, w string
			if k < len(got) {
				g = got[k]
			}
			if k < len(want) {
				w = want[k]
			}
			if g != w {
				t.Fatalf("record %d: %s\noutput %d of %d\nJava %s\nGo   %s", i, lines[i], k, len(want), g, w)
			}
		}
		outputs += len(want)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	return outputs, refused
}

func (j *Java) send(product byte, contract string, startMs int64, lines [][]byte, steps []step) error {
	j.in.Write([]byte{'N', product})
	j.number(startMs)
	j.bytes([]byte(contract))
	for i, s := range steps {
		if s.again {
			j.in.WriteByte('S')
			j.number(s.startMs)
		}
		j.in.WriteByte('R')
		j.number(s.appendMs)
		j.number(s.computeMs)
		thin := byte(0)
		if s.thin {
			thin = 1
		}
		j.in.WriteByte(thin)
		j.bytes(lines[i])
	}
	return j.in.Flush() // with the first error of all writes
}

// Rounds is how many random logs are compared: TICKCAST_PARITY, or a few.
func Rounds(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("TICKCAST_PARITY")
	if s == "" {
		return 6
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("TICKCAST_PARITY: %v", err)
	}
	return n
}
