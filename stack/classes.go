package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A JVM spends half of its start reading and checking classes. An archive of those that one of its kind has loaded (dynamic class data sharing, JEP 350) spares it that. It is beside the folder of
// jars; its name has the hash of what `java -version` says, and a JVM leaves one alone that does not fit its jars.

const makeArchive = "-XX:ArchiveClassesAtExit="

// dumpPatience is how long a JVM may take to stop: one that makes an archive needs some seconds for it.
const dumpPatience = 30 * time.Second

// sharedClasses are the options that have a kind of JVM, whose jars are in dir, use its archive, or make it when it ends.
func (s *Stack) sharedClasses(dir, kind string) []string {
	archive := fmt.Sprintf("%s.%s.%s.jsa", dir, kind, s.tools.javaHash)
	if _, err := os.Stat(archive); err == nil {
		return []string{"-XX:SharedArchiveFile=" + archive, "-Xlog:cds*=error"}
	}
	f, err := os.CreateTemp(filepath.Dir(archive), filepath.Base(archive)+".*") // several may make one at a time; a JVM that could not write there would fail when it has done its work
	if err != nil {
		return nil
	}
	f.Close()
	return []string{makeArchive + f.Name(), "-Xlog:cds*=error"}
}

// wholeAfter is how long a server must have run to have loaded what it needs; a client that has succeeded has.
const wholeAfter = time.Minute

// keepClasses gives the archive that a JVM made its name, or removes one that is not whole.
func keepClasses(cmd *exec.Cmd, ran time.Duration) {
	for _, arg := range cmd.Args {
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
