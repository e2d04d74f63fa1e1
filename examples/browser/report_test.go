package browser

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
)

func TestContent(t *testing.T) {
	d := document(t)
	b := open(t, html(t, d), wide)
	b.shot("run-light")
	if h1 := js[string](b, `document.querySelector("h1").innerText`); !strings.HasSuffix(h1, fmt.Sprintf("FAILED: %d findings", len(d.Findings))) {
		t.Errorf("the page begins with %q", h1)
	}
	titles := js[[]string](b, `[...document.querySelectorAll(".index a")].map(a => a.innerText)`)
	for i := range d.Findings {
		if len(titles) != len(d.Findings) || titles[i] != d.Findings[i].Title() {
			t.Fatalf("findings are listed as %q", titles)
		}
	}
	headings := js[[]string](b, `[...document.querySelectorAll("main > section > h2")].map(h => h.innerText)`)
	if want := []string{"Not searched", "Findings by cause", "Persistence models", "Coverage of probes", "Throughput", "Settings and environment"}; !slices.Equal(headings, want) {
		t.Errorf("sections are %q, want %q", headings, want)
	}
	if n := js[int](b, `document.querySelectorAll(".finding details[open] .timeline").length`); n > 0 {
		t.Errorf("%d findings are open from the beginning", n)
	}
	// A finding opens from its link, in view and in the address.
	b.do(chromedp.Click(chromedp.CSS(`.index li:nth-child(3) a`)), chromedp.WaitVisible(chromedp.CSS(`#finding-3 .timeline`)))
	if top := js[float64](b, `document.querySelector("#finding-3").getBoundingClientRect().top`); top < -5 || top > 300 {
		t.Errorf("the finding is at %v", top)
	}
	b.do(chromedp.Click(chromedp.CSS(".openall")))
	if n := js[int](b, `document.querySelectorAll(".finding > details:not([open])").length`); n > 0 {
		t.Errorf("%d findings stay closed", n)
	}
	b.shot("run-light-open")
}

// From top to bottom: the sentence, the command, the timeline, the difference, the
// trace, the change, the bytes, the models.
func TestOneFinding(t *testing.T) {
	d := single(t)
	b := open(t, html(t, d), wide)
	b.shot("finding-light")
	f := d.Findings[0]
	if h1 := js[string](b, `document.querySelector("h1").innerText`); h1 != f.Story.Sentence {
		t.Errorf("the page begins with %q, want %q", h1, f.Story.Sentence)
	}
	order := js[[]string](b, `[...document.querySelectorAll(".command, .timeline, .diff, h3")].map(e => e.matches("h3") ? e.innerText : e.className)`)
	want := []string{"command", "1. The workload, 1 operation", "timeline", "2. The store is opened on what is left", "Right, and what came", "diff",
		"The smallest trace, with source lines", "The smallest change that removes it", "Models and environment"}
	at := 0
	for _, o := range order {
		if at < len(want) && o == want[at] {
			at++
		}
	}
	if at < len(want) {
		t.Errorf("the page has %q; %q is not there, or in another place", order, want[at])
	}
	// What is lost is told by a word, a letter and a shape, beside its colour.
	lost := js[[]string](b, `(() => { const row = document.querySelector(".timeline li.lost");
		const mark = getComputedStyle(row.querySelector(".ml"), "::before");
		return [row.querySelector(".tag").innerText, mark.content, mark.borderRadius, getComputedStyle(document.querySelector(".timeline .md"), "::before").borderRadius]; })()`)
	if lost[0] != "lost" || lost[1] != `"L"` || lost[2] == lost[3] {
		t.Errorf("lost is shown as %q", lost)
	}
	if open := js[bool](b, `document.querySelector(".timeline li.lost details").open`); !open {
		t.Error("the source lines of what is lost are not in sight")
	}
	// Each sync that covers something has a line up to the first that it covered.
	for lane := range js[int](b, `document.querySelectorAll(".timeline")[0].querySelectorAll(".head i").length`) {
		column := js[[]string](b, fmt.Sprintf(`[...document.querySelectorAll(".timeline")[0].querySelectorAll(":scope > ol > li")].map(r => r.querySelector(".cells").children[%d].className)`, lane))
		inside := false
		for i, c := range column {
			has := func(class string) bool { return slices.Contains(strings.Fields(c), class) }
			switch {
			case has("v1"):
				inside = true
			case has("vs"):
				if !inside {
					t.Errorf("lane %d, row %d: a sync's line begins nowhere", lane, i)
				}
				inside = false
			case (has("v") || has("v2")) != inside:
				t.Errorf("lane %d, row %d: a sync's line is broken: %q", lane, i, c)
			}
		}
		if inside {
			t.Errorf("lane %d: a line leads to no sync", lane)
		}
	}
}

func TestCopyButton(t *testing.T) {
	d := single(t)
	b := open(t, html(t, d), wide)
	want := d.Findings[0].Repeat()
	b.do(chromedp.Click(chromedp.CSS(".copy")))
	b.until(`document.querySelector(".copy").textContent === "Copied"`)
	if got := js[string](b, `navigator.clipboard.readText()`); got != want {
		t.Errorf("the clipboard has %q, want %q", got, want)
	}
	if said := js[string](b, `document.getElementById("said").textContent`); !strings.Contains(said, "clipboard") {
		t.Errorf("a reader of screens hears %q", said)
	}
	// Where the clipboard is closed to a page, as it can be from a file, a
	// selection is copied.
	js[bool](b, `Object.defineProperty(navigator, "clipboard", {value: undefined}), document.addEventListener("copy", () => { window.copied = getSelection().toString() || document.activeElement.value }), true`)
	b.until(`document.querySelector(".copy").textContent === "Copy"`)
	b.do(chromedp.Click(chromedp.CSS(".copy")))
	b.until(`document.querySelector(".copy").textContent === "Copied"`)
	if got := js[string](b, `window.copied`); got != want {
		t.Errorf("without a clipboard %q was copied, want %q", got, want)
	}
}

func TestKeyboard(t *testing.T) {
	b := open(t, html(t, document(t)), wide)
	focus := func() string {
		return js[string](b, `(() => { const e = document.activeElement, f = e.closest(".finding"); return (f ? f.id + " " : "") + e.tagName + " " + e.className + " " + e.innerText.split("\n")[0]; })()`)
	}
	press := func(keys string) { t.Helper(); b.do(chromedp.KeyEvent(keys)) }
	press(kb.Tab)
	if f := focus(); !strings.Contains(f, "skip") {
		t.Errorf("the first stop is %q", f)
	}
	press("n")
	if f := focus(); !strings.HasPrefix(f, "finding-1 SUMMARY") {
		t.Errorf("n goes to %q", f)
	}
	press("n")
	press("n")
	press("p")
	if f := focus(); !strings.HasPrefix(f, "finding-2 SUMMARY") {
		t.Errorf("n, n and p go to %q", f)
	}
	press(kb.Enter) // closes it
	if js[bool](b, `document.querySelector("#finding-2 > details").open`) {
		t.Error("Enter does not close a finding")
	}
	press(kb.Enter)
	stops := 0
	for ; stops < 12 && !js[bool](b, `!!document.activeElement.closest(".timeline")`); stops++ {
		press(kb.Tab)
	}
	first := focus()
	if stops == 12 {
		t.Fatalf("no timeline after %d stops: %s", stops, first)
	}
	press(kb.ArrowDown)
	second := focus()
	press(kb.ArrowUp)
	if f := focus(); second == first || f != first {
		t.Errorf("down from %q to %q, and up to %q", first, second, f)
	}
	press(kb.End)
	if f := focus(); f == first || !strings.HasPrefix(f, "finding-2 SUMMARY") {
		t.Errorf("End goes to %q", f)
	}
	press(kb.Tab) // one stop for a whole timeline
	if js[bool](b, `!!document.activeElement.closest("#finding-2 .chapter:nth-of-type(1) .timeline")`) {
		t.Errorf("the timeline holds the tab key: %s", focus())
	}
	ring := js[string](b, `getComputedStyle(document.activeElement).outlineStyle`)
	if ring != "solid" {
		t.Errorf("what has the focus has no ring: %q", ring)
	}
}

func TestKeyToWhatIsLost(t *testing.T) {
	b := open(t, html(t, single(t)), wide)
	b.do(chromedp.KeyEvent("l"))
	if !js[bool](b, `!!document.activeElement.closest("li.lost, li.torn")`) {
		t.Error("l does not go to what is lost")
	}
	open := js[bool](b, `document.activeElement.parentElement.open`)
	b.do(chromedp.KeyEvent(kb.Enter))
	if js[bool](b, `document.activeElement.parentElement.open`) == open {
		t.Error("Enter does nothing to a step")
	}
}

// Nothing is wider than a phone, and what there is to read has room.
func TestNarrowWindow(t *testing.T) {
	for _, width := range []int64{320, 390, 768} {
		b := open(t, html(t, document(t)), look{width: width, height: 740})
		b.do(chromedp.Click(chromedp.CSS(".openall")))
		if over := js[float64](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("at %d the page is %v too wide: %s", width, over, js[string](b, `[...document.querySelectorAll("main *")].find(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".wide, pre, .diff"))?.outerHTML.slice(0, 200)`))
		}
		if room := js[float64](b, `Math.min(...[...document.querySelectorAll(".timeline summary .op")].map(e => e.getBoundingClientRect().width))`); room < 100 {
			t.Errorf("at %d an operation has %v for its text", width, room)
		}
		if small := js[[]string](b, `[...document.querySelectorAll("button")].filter(e => e.offsetParent && e.getBoundingClientRect().height < 24).map(e => e.outerHTML)`); len(small) > 0 {
			t.Errorf("at %d too small to touch: %q", width, small)
		}
		b.shot(fmt.Sprintf("run-narrow-%d", width))
	}
	b := open(t, html(t, single(t)), look{width: 390, height: 740, dark: true})
	b.shot("finding-narrow-dark")
}

const contrasts = `(() => {
	const probe = document.body.appendChild(document.createElement("p"));
	probe.style.backgroundColor = "Canvas";
	const canvas = getComputedStyle(probe).backgroundColor.match(/[\d.]+/g).map(Number);
	probe.remove();
	const lum = c => { const v = c.map(x => { x /= 255; return x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; }); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
	const rgb = c => (c.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
	const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return canvas; };
	const bad = [];
	for (const e of document.querySelectorAll("main *, footer *")) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility()) continue;
		if (e.closest("script")) continue;
		const a = lum(rgb(getComputedStyle(e).color)), b = lum(back(e)), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) bad.push(ratio.toFixed(2) + " " + e.outerHTML.slice(0, 120));
	}
	return bad.slice(0, 10);
})()`

// In both schemes text can be told from what is behind it (WCAG 2.2, 1.4.3).
func TestDarkAndLight(t *testing.T) {
	backs := map[string]bool{}
	for _, dark := range []bool{false, true} {
		for name, d := range map[string]*report.Doc{"run": document(t), "finding": single(t)} {
			b := open(t, html(t, d), look{width: 1200, height: 900, dark: dark})
			js[bool](b, `document.querySelectorAll("details").forEach(d => { d.open = true; }), true`)
			if bad := js[[]string](b, contrasts); len(bad) > 0 {
				t.Errorf("%s, dark %t: too little contrast:\n%s", name, dark, strings.Join(bad, "\n"))
			}
			backs[js[string](b, `getComputedStyle(document.body).backgroundColor`)] = true
			b.shot(fmt.Sprintf("%s-dark-%t-all", name, dark))
		}
	}
	if len(backs) != 2 {
		t.Errorf("both schemes have the background %v", backs)
	}
}

// Where scripts do not run, as in some viewers of build artifacts, it can be read.
func TestWithoutScripts(t *testing.T) {
	d := document(t)
	b := open(t, html(t, d), look{width: 1200, height: 900, noScript: true})
	b.do(chromedp.WaitVisible(chromedp.CSS(`#finding-1 h2`)), chromedp.Click(chromedp.CSS(`#finding-1 h2`)), chromedp.WaitVisible(chromedp.CSS(`#finding-1 .timeline`)))
}

func TestTenThousandOperations(t *testing.T) {
	c := &crashtest.Case{Target: "seedstore", Model: "posix", Kind: crashtest.Lost,
		Scenario: crashtest.Scenario{Last: crashtest.InRecovery, Crashes: []crashtest.Crash{{In: crashtest.InWorkload, At: crashtest.AtEnd}}}}
	for i := range 10_000 {
		c.Scenario.Ops = append(c.Scenario.Ops, []string{"runtime r1 running", "runtime r1 stopped"}[i%2])
	}
	s, err := c.Tell(target())
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, html(t, &report.Doc{Findings: []report.Finding{{File: "long.case", Case: c, Story: s}}}), wide)
	rows := func() int {
		return js[int](b, `document.querySelectorAll(".timeline li.disk, .timeline li.op, .timeline li.ack").length`)
	}
	before := rows()
	if before > 200 {
		t.Errorf("%d rows from the beginning", before)
	}
	text := js[string](b, `document.querySelector(".timeline li.disk .op").innerText`)
	for i := 1; i <= 3; i++ {
		b.do(chromedp.Click(chromedp.CSS(".gap button")))
		if n := rows(); n != before+250*i {
			t.Errorf("%d rows, before %d", n, before)
		}
	}
	if again := js[string](b, fmt.Sprintf(`document.querySelectorAll(".timeline li.disk, .timeline li.op, .timeline li.ack")[%d].querySelector(".op").innerText`, 750)); !strings.HasSuffix(text, again) && again == "" {
		t.Errorf("after 750 more rows comes %q, and not %q", again, text)
	}
	// What the script adds looks as what was there.
	kinds := js[[]string](b, `[...document.querySelectorAll(".timeline li.disk")].map(e => [...e.querySelectorAll("*")].map(x => x.tagName).join(" ").replace(/( LI)+/, " LI").replace(/SMALL /, ""))`)
	if kinds[10] != kinds[len(kinds)-10] {
		t.Errorf("rows are made in two ways:\n%s\n%s", kinds[10], kinds[len(kinds)-10])
	}
	b.do(chromedp.Focus(chromedp.CSS(".timeline summary")), chromedp.KeyEvent(kb.End))
	if !js[bool](b, `document.activeElement.matches(".timeline summary")`) {
		t.Error("the keyboard is lost")
	}
}
