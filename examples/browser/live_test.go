package browser

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// soak runs crashsim soak with its live page and gives the page's address.
func soak(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "crashsim")
	if out, err := exec.Command("go", "build", "-C", "../..", "-o", binary, "./cmd/crashsim").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(binary, "soak", "seedstore", "--profile", "ci", "--duration", "10m", "--http", "127.0.0.1:0", "--artifacts", "found")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("no address of a page: %v", err)
		}
		if _, url, ok := strings.Cut(line, "live page: "); ok {
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			return strings.TrimSpace(url)
		}
	}
}

// The live page shows the soak as it goes, and leads to the reports.
func TestLivePage(t *testing.T) {
	url := soak(t)
	own := func(u string) bool { return strings.HasPrefix(u, url) }
	b := visit(t, url, wide, own)
	b.until(`document.querySelectorAll("#findings a").length > 0 && document.querySelectorAll("#plots polyline").length > 0`)
	b.shot("live-light")
	if target := js[string](b, `document.getElementById("target").textContent`); !strings.Contains(target, "seedstore") {
		t.Errorf("the page is of %q", target)
	}
	b.do(chromedp.Focus(chromedp.CSS("#findings a")))
	before := js[string](b, `document.getElementById("figures").innerText`)
	b.until(`document.getElementById("figures").innerText !== ` + quote(before)) // without being asked
	if !js[bool](b, `document.activeElement.matches("#findings a")`) {
		t.Error("with what is new the keyboard loses its place")
	}
	sentence := js[string](b, `document.querySelector("#findings a").textContent`)
	b.do(chromedp.Focus(chromedp.CSS("#findings a")), chromedp.KeyEvent("\r"), chromedp.WaitVisible(chromedp.CSS(".timeline")))
	if h1 := js[string](b, `document.querySelector("h1").innerText`); h1 != sentence {
		t.Errorf("the finding %q leads to %q", sentence, h1)
	}
	for _, l := range []look{{width: 360, height: 740}, {width: 360, height: 740, dark: true}, {width: 1200, height: 900, dark: true}} {
		b := visit(t, url, l, own)
		b.until(`document.querySelectorAll("#findings a").length > 0`)
		if over := js[float64](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("at %d the page is %v too wide", l.width, over)
		}
		if bad := js[[]string](b, strings.ReplaceAll(contrasts, "main *", "body *")); len(bad) > 0 {
			t.Errorf("dark %t: too little contrast:\n%s", l.dark, strings.Join(bad, "\n"))
		}
		if l.width < 400 && l.dark {
			b.shot("live-narrow-dark")
		}
	}
}

func quote(s string) string { return "`" + strings.ReplaceAll(s, "`", "\\`") + "`" }
