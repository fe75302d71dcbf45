package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	immutable  = "public, max-age=31536000, immutable" // the name holds the content's hash
	revalidate = "no-cache"                            // kept, but asked for again each time (ETag)
)

// file is one thing to serve, ready in both encodings.
type file struct {
	body, gzipped []byte // gzipped is nil where it would not be smaller
	contentType   string
	cache         string
	etag          string
}

// Page serves the page and /app.json. Everything is read and compressed
// once; a page is safe for concurrent use and touches no disk.
// Where it was not built it serves one that says so, with status 503.
type Page struct {
	files   map[string]*file
	isBuilt bool
	app     atomic.Pointer[told]
}

// told is what visitors are told.
type told struct {
	json   *file
	wsPort int
}

// New builds the page's handler.
func New(app App) *Page {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // impossible: the name is a valid constant
	}
	return newPage(app, sub)
}

func newPage(app App, built fs.FS) *Page {
	p := &Page{files: load(built)}
	var index *file
	if index, p.isBuilt = p.files["/index.html"]; p.isBuilt {
		p.files["/"] = index
	}
	p.Reload(app)
	return p
}

// Reload tells visitors something else from now on.
func (p *Page) Reload(app App) {
	text, err := json.Marshal(app)
	if err != nil {
		panic(err) // impossible: App holds only strings, numbers and slices of them
	}
	p.app.Store(&told{json: newFile(text, "application/json", revalidate), wsPort: app.WS.Port})
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	app := p.app.Load()
	secure(w.Header(), r.Host, app.wsPort)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	f, ok := p.files[r.URL.Path]
	switch {
	case r.URL.Path == "/app.json":
		app.json.serve(w, r)
	case ok:
		f.serve(w, r)
	case r.URL.Path == "/" && !p.isBuilt:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, notBuilt)
	default:
		w.Header().Set("Cache-Control", revalidate)
		http.NotFound(w, r)
	}
}

// load reads every built file but dotfiles (.gitkeep holds the folder open in git).
func load(built fs.FS) map[string]*file {
	files := map[string]*file{}
	err := fs.WalkDir(built, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(built, name)
		if err != nil {
			return err
		}
		cache := revalidate
		if strings.HasPrefix(name, "assets/") {
			cache = immutable
		}
		files["/"+name] = newFile(body, contentType(name), cache)
		return nil
	})
	if err != nil {
		panic(err) // impossible: the files are in memory
	}
	return files
}

func newFile(body []byte, contentType, cache string) *file {
	sum := sha256.Sum256(body)
	f := &file{body: body, contentType: contentType, cache: cache, etag: hex.EncodeToString(sum[:8])}
	if compressible(contentType) && len(body) > 512 {
		var b bytes.Buffer
		zw, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
		zw.Write(body)                                         // into memory: cannot fail
		zw.Close()
		if b.Len() < len(body) {
			f.gzipped = b.Bytes()
		}
	}
	return f
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", f.cache)
	body, etag := f.body, `"`+f.etag+`"`
	if f.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body, etag = f.gzipped, `"`+f.etag+`-gz"` // another representation, another strong tag
		}
	}
	h.Set("ETag", etag)
	if matches(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		w.Write(body) // an error means that the client went away
	}
}

// matches compares weakly, as RFC 9110 section 13.1.2 asks for If-None-Match.
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
		if !ok {
			return true
		}
		weight, err := strconv.ParseFloat(q, 64)
		return err == nil && weight > 0
	}
	return false
}

// contentType does not ask the mime package: its answer depends on the machine's files.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".json", ".map", ".webmanifest":
		return "application/json"
	case ".png":
		return "image/png"
	case ".woff2":
		return "font/woff2"
	}
	return "application/octet-stream"
}

func compressible(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.HasSuffix(contentType, "json") || strings.HasSuffix(contentType, "svg+xml")
}

// secure sets the security headers. The page loads nothing from elsewhere; its
// one foreign origin is the broker's WebSocket port on the same host.
func secure(h http.Header, requestHost string, wsPort int) {
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self' data:",
		"connect-src 'self' " + webSocketSources(requestHost, wsPort),
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; "))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// webSocketSources names the broker on the host that the client asked for. The
// Host header is the client's word: unless it is a plain host it does not get
// into the policy, and every WebSocket is allowed instead. IPv6 literals are
// not expressible in a CSP, so they take that way too.
func webSocketSources(requestHost string, port int) string {
	host := requestHost
	if h, _, err := net.SplitHostPort(requestHost); err == nil {
		host = h
	}
	if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != "" || port == 0 {
		return "ws: wss:"
	}
	hostPort := net.JoinHostPort(host, strconv.Itoa(port))
	return "ws://" + hostPort + " wss://" + hostPort
}

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tickcast: page not built</title>
<h1>The page was not built</h1>
<p>This binary was compiled without it. Market data over MQTT and WebSocket works.</p>
<p>To have the page: <code>make run</code>, or <code>cd web &amp;&amp; npm ci --ignore-scripts &amp;&amp; npm run build</code>, then compile again.</p>
</html>
`
