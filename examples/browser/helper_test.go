package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
	"crashsim/examples/workerruntime"
)

var chromium struct {
	once sync.Once
	ctx  context.Context
	err  error
}

var shutDown []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range shutDown {
		f()
	}
	os.Exit(code)
}

// start gives one browser for all tests, with a profile of its own.
func start() (context.Context, error) {
	chromium.once.Do(func() {
		path, err := exec.LookPath("chromium")
		if err != nil {
			chromium.err = err
			return
		}
		profile, err := os.MkdirTemp("", "crashsim-browser-")
		if err != nil {
			chromium.err = err
			return
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
			chromedp.WSURLReadTimeout(time.Minute))
		ctx, stopBrowser := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, stop := chromedp.NewContext(ctx)
		shutDown = append(shutDown, stop, stopBrowser, func() { _ = os.RemoveAll(profile) })
		chromium.ctx, chromium.err = ctx, chromedp.Do(ctx)
	})
	return chromium.ctx, chromium.err
}

// tab is a page in the browser, and what it complained of or asked for.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	requests []string
	errors   []string
}

type look struct {
	width, height int64
	dark          bool
	noScript      bool
}

var wide = look{width: 1200, height: 900}

// open shows a page. When the test ends it has to have asked for nothing but
// itself, and to have complained of nothing.
func open(t *testing.T, page string, l look) *tab {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(server.Close)
	own := func(url string) bool { return url == server.URL+"/" || strings.HasPrefix(url, server.URL+"/#") }
	return visit(t, server.URL+"/", l, own)
}

// visit shows what is at an address, and may ask for what is its own.
func visit(t *testing.T, url string, l look, own func(url string) bool) *tab {
	t.Helper()
	root, err := start()
	if err != nil {
		t.Fatalf("%v: the tests need chromium (Debian: apt-get install chromium); make browser sees to it", err)
	}
	ctx, done := chromedp.NewContext(root)
	t.Cleanup(done)
	ctx, timeout := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(timeout)
	b := &tab{t: t, ctx: ctx, url: url}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	command(b, network.Enable, network.EnableParams{})
	command(b, log.Enable, cdp.Empty{})
	command(b, runtime.Enable, cdp.Empty{})
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		_, err := chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted, Origin: strings.TrimSuffix(url, "/")})
		if err != nil {
			t.Fatal(err)
		}
	}
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.noScript})
	b.do(chromedp.EmulateViewport(l.width, l.height), chromedp.Navigate(b.url))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, u := range b.requests {
			if !own(u) && !strings.HasPrefix(u, "data:") {
				t.Errorf("the page asked for %s", u)
			}
		}
		for _, e := range b.errors {
			t.Errorf("the page complains: %s", e)
		}
		if len(b.requests) == 0 {
			t.Error("no request was seen, not that of the page itself: nothing is watched")
		}
	})
	return b
}

func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.errors = append(b.errors, fmt.Sprintf("%+v", e.Args))
		}
	case *log.EventEntryAdded:
		b.errors = append(b.errors, e.Entry.Text)
	}
}

// command sends one of the browser's protocol to the page.
func command[P, R any](b *tab, c cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, c, params); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// js gives what an expression comes to.
func js[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// until waits for an expression to be true.
func (b *tab) until(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression)); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// shot keeps a picture of the page for people to look at, where they ask for it.
func (b *tab) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("CRASHSIM_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o666); err != nil {
		b.t.Fatal(err)
	}
}

var seed struct {
	once sync.Once
	doc  *report.Doc
	err  error
}

func target() *crashtest.Target {
	for _, t := range workerruntime.Targets() {
		if t.Name == "seedstore" {
			return &t
		}
	}
	return nil
}

// document is the report of a short run that fails, with all that a record can have.
func document(t *testing.T) *report.Doc {
	t.Helper()
	seed.once.Do(func() {
		cfg := crashtest.Defaults()
		cfg.Ops = 6
		var r *crashtest.Result
		if r, seed.err = crashtest.Run(context.Background(), target(), cfg); seed.err != nil {
			return
		}
		rec := crashtest.NewRecord(target(), cfg, r)
		rec.Crashsim, rec.Began, rec.Seconds = "test", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 83.4
		rec.Models = &crashtest.Table{Note: "What each model came to.", Columns: []string{"model", "verdict", "states"}, Rows: [][]crashtest.Cell{
			{{Text: "posix"}, {Text: "failed", State: crashtest.Bad}, {Text: "12,345"}},
			{{Text: "ext4-ordered"}, {Text: "passed", State: crashtest.Good}, {Text: "999"}},
			{{Text: "btrfs"}, {Text: "not tried", State: crashtest.Open}, {}}}}
		rec.Probes = []crashtest.Probe{{Name: "a torn tail is cut", Seen: 512}, {Name: "a folder is set aside", Seen: 0}}
		for i := range 80 {
			rec.Throughput = append(rec.Throughput, crashtest.Sample{Seconds: float64(i), States: 1000 * i, Unique: 90 * i * (200 - i), Recoveries: 70 * i, HeapBytes: 1 << 26})
		}
		d := &report.Doc{Record: rec, Version: "test"}
		for i, f := range r.Findings {
			s, err := f.Tell(target())
			if err != nil {
				seed.err = err
				return
			}
			rec.Findings[i].Barrier = "call SyncDir(\"runtimes\") after examples/seedstore/files.go:20"
			d.Findings = append(d.Findings, report.Finding{FindingNote: rec.Findings[i], File: "crashsim-out/seedstore-1-01.case", Case: f.Case, Story: s})
		}
		seed.doc = d
	})
	if seed.err != nil || len(seed.doc.Findings) < 5 {
		t.Fatalf("no findings to show: %v", seed.err)
	}
	return seed.doc
}

func html(t *testing.T, d *report.Doc) string {
	t.Helper()
	var b strings.Builder
	if err := report.Write(&b, d, "html"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// single is the page of one finding, that loses something.
func single(t *testing.T) *report.Doc {
	t.Helper()
	for _, f := range document(t).Findings {
		if c := f.Story.Chapters[0].Crash; f.Case.Kind == crashtest.Lost && c != nil && c.Lost > 0 {
			return &report.Doc{Findings: []report.Finding{f}, Version: "test"}
		}
	}
	t.Fatal("no finding that loses something")
	return nil
}
