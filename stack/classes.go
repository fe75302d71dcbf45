package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A JVM spends half of its start reading and checking classes. An archive of those that one of its kind has loaded (dynamic class data sharing, JEP 350) spares it that. It is beside the folder of
// jars; its name has the hash of what `java -version` says, and a JVM leaves one alone that does not fit its jars.

const (
	useArchive  = "-XX:SharedArchiveFile="
	makeArchive = "-XX:ArchiveClassesAtExit="
)

// dumpPatience is how long a JVM may take to stop: one that makes an archive needs some seconds for it.
const dumpPatience = 30 * time.Second

// sharedClasses are the options that have a kind of JVM, whose jars are in dir, use its archive, or make it when it ends.
func (s *Stack) sharedClasses(dir, kind string) []string {
	archive := fmt.Sprintf("%s.%s.%s.jsa", dir, kind, s.tools.javaHash)
	removeUnfinished(archive)
	if _, err := os.Stat(archive); err == nil {
		return []string{useArchive + archive, "-Xlog:cds*=error"}
	}
	f, err := os.CreateTemp(filepath.Dir(archive), filepath.Base(archive)+".*") // several may make one at a time; a JVM that could not write there would fail when it has done its work
	if err != nil {
		return nil
	}
	f.Close()
	return []string{makeArchive + f.Name(), "-Xlog:cds*=error"}
}

// unfinishedAfter is when what a supervisor has left that did not see its JVM end is removed.
const unfinishedAfter = time.Hour

// removeUnfinished removes old files that were to become an archive. A JVM that still runs writes its file anew.
func removeUnfinished(archive string) {
	files, err := filepath.Glob(archive + ".*")
	if err != nil {
		return
	}
	for _, f := range files {
		if st, err := os.Stat(f); err == nil && time.Since(st.ModTime()) > unfinishedAfter {
			_ = os.Remove(f)
		}
	}
}

// crashed says whether a process ended by a signal that nobody sent.
func crashed(st *os.ProcessState) bool {
	ws, ok := st.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGILL, syscall.SIGFPE}, ws.Signal())
}

// wholeAfter is how long a server must have run to have loaded what it needs; a client that has succeeded has.
const wholeAfter = time.Minute

// keepClasses gives the archive that a JVM made its name, or removes one that is not whole, and one with which a JVM crashed.
func keepClasses(cmd *exec.Cmd, ran time.Duration) {
	for _, arg := range cmd.Args {
		if used, is := strings.CutPrefix(arg, useArchive); is && crashed(cmd.ProcessState) {
			_ = os.Remove(used)
		}
		made, is := strings.CutPrefix(arg, makeArchive)
		if !is {
			continue
		}
		if cmd.ProcessState.Success() || cmd.ProcessState.Exited() && ran >= wholeAfter {
			if st, err := os.Stat(made); err != nil || st.Size() == 0 {
				_ = os.Remove(made)
				continue
			}
			_ = os.Rename(made, strings.TrimSuffix(made, made[strings.LastIndexByte(made, '.'):]))
		} else {
			_ = os.Remove(made)
		}
	}
}
