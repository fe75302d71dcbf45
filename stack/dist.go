package stack

import (
	"bufio"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// poms say which Maven artifacts each server is made of; the versions are pinned there.
//
//go:embed dist
var poms embed.FS

// dist are the folders with the jars.
type dist struct {
	kafka, flink, flinkClient string
}

// fetchAll sees that the artifacts are in the cache folder: Kafka's, and with flink Flink's.
func fetchAll(ctx context.Context, cacheDir string, flink bool, t tools, out io.Writer) (d dist, err error) {
	if cacheDir == "" {
		if cacheDir, err = os.UserCacheDir(); err != nil {
			return d, fmt.Errorf("cache_dir: is missing, and %w", err)
		}
		cacheDir = filepath.Join(cacheDir, "tickcast", "stack")
	}
	if cacheDir, err = filepath.Abs(cacheDir); err != nil { // the parts run in other folders
		return d, fmt.Errorf("cache_dir: %w", err)
	}
	for _, x := range []struct {
		name  string
		into  *string
		flink bool
	}{{"kafka", &d.kafka, false}, {"flink", &d.flink, true}, {"flink-client", &d.flinkClient, true}} {
		if x.flink && !flink {
			continue
		}
		if *x.into, err = fetch(ctx, cacheDir, x.name, t, out); err != nil {
			return d, fmt.Errorf("fetch %s: %w", x.name, err)
		}
	}
	return d, nil
}

// jarFolder is the folder for one server's jars, and what says which they are. Its name has the hash of that, so that another list is another folder.
func jarFolder(cacheDir, name string) (dir string, pom []byte, err error) {
	if pom, err = poms.ReadFile("dist/" + name + "/pom.xml"); err != nil {
		return "", nil, err
	}
	hash := sha256.Sum256(pom)
	return filepath.Join(cacheDir, name+"-"+hex.EncodeToString(hash[:6])), pom, nil
}

// fetch returns the folder with one server's jars, which gets its name when it is complete.
func fetch(ctx context.Context, cacheDir, name string, t tools, out io.Writer) (string, error) {
	dir, pom, err := jarFolder(cacheDir, name)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return "", fmt.Errorf("cache_dir: %w", err)
	}
	work, err := os.MkdirTemp(cacheDir, "fetch-*")
	if err != nil {
		return "", fmt.Errorf("cache_dir: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), pom, 0o644); err != nil {
		return "", err
	}
	jars := filepath.Join(work, "jars")
	begun := time.Now()
	if err := runMaven(ctx, exec.CommandContext(ctx, t.mvn, "-B", "-f", filepath.Join(work, "pom.xml"), "package", "-Dout="+jars), func(files int) {
		line(out, name, "", fmt.Sprintf("fetching: %d files after %.0f s", files, time.Since(begun).Seconds()))
	}); err != nil {
		return "", err
	}
	if err := os.Chmod(jars, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(jars, dir); err != nil {
		if _, e := os.Stat(dir); e != nil { // otherwise another stack was quicker
			return "", fmt.Errorf("cache_dir: %w", err)
		}
	}
	if old, err := filepath.Glob(dir + ".*.jsa*"); err == nil { // archives of classes of a folder that was removed: a JVM refuses them
		for _, path := range old {
			_ = os.Remove(path)
		}
	}
	line(out, name, "", fmt.Sprintf("fetched after %.0f s", time.Since(begun).Seconds()))
	return dir, nil
}

// runMaven runs Maven, and each few seconds tells how many files it has downloaded.
func runMaven(ctx context.Context, cmd *exec.Cmd, progress func(files int)) error {
	said, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); w.Close() }()
	files, told := 0, time.Now()
	var errors []string
	for lines := bufio.NewScanner(said); lines.Scan(); {
		l := lines.Text()
		switch {
		case strings.HasPrefix(l, "Downloaded from"):
			files++
			if time.Since(told) > 3*time.Second {
				told = time.Now()
				progress(files)
			}
		case strings.HasPrefix(l, "[ERROR]"):
			errors = append(errors, l)
		}
	}
	_, _ = io.Copy(io.Discard, said) // a line that is too long ends the scanner, and must not block Maven
	if err := <-ended; err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: %w\n%s", cmd.Path, err, strings.Join(errors[:min(len(errors), 8)], "\n"))
	}
	return nil
}

// KafkaJars finds java and fetches Kafka: for who starts a Kafka of another configuration, such as a test.
func KafkaJars(ctx context.Context, cfg Config, out io.Writer) (java, dir string, err error) {
	t, err := findTools(ctx, cfg.Java, false)
	if err != nil {
		return "", "", err
	}
	d, err := fetchAll(ctx, cfg.CacheDir, false, t, out)
	return t.java, d.kafka, err
}
