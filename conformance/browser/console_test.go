// Package browser drives the console of a server with Chromium. The suite one folder up starts the server and runs it.
package browser

import (
	"archive/zip"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// within bounds the whole of a test: a page that does not come fails it.
const within = 3 * time.Minute

// A tab is a browser with what went wrong in it.
type tab struct {
	t       *testing.T
	ctx     context.Context
	base    string
	project string

	mu       sync.Mutex
	wrong    []string
	requests []string
}

func open(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))
	allocated, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	b := &tab{t: t, base: os.Getenv("POSTERN_URL"), project: os.Getenv("POSTERN_PROJECT_ID")}
	if err := chromedp.Listen(ctx, b.watch); err != nil { // it starts the browser
		t.Fatal(err)
	}
	b.ctx, cancel = context.WithTimeout(ctx, within)
	t.Cleanup(cancel)
	_, err := chromedp.Call(b.ctx, network.Enable, network.EnableParams{})
	if err == nil {
		_, err = chromedp.Call(b.ctx, log.Enable, cdp.Empty{})
	}
	if err != nil {
		t.Fatal(err)
	}
	b.run(size(1280, 900))
	return b
}

// watch notes what a browser complains of, and every address that it asks.
func (b *tab) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "status of 4") {
			b.wrong = append(b.wrong, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

func size(width, height int64) chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(width, height)
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.shot("failed")
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
		b.t.Fatalf("%v\n%s", err, text)
	}
}

func (b *tab) open(path string) { b.t.Helper(); b.run(chromedp.Navigate(b.base + path)); b.sound() }

// see waits for a heading of the first level with a text in it.
func (b *tab) see(heading string) {
	b.t.Helper()
	b.run(chromedp.WaitVisible(fmt.Sprintf(`//h1[contains(., %q)]`, heading)))
	b.sound()
}

// drop drops a file or a folder of this machine onto an element, as somebody does with a mouse.
func (b *tab) drop(selector, path string) {
	b.t.Helper()
	at, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]float64](fmt.Sprintf(
		`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`, selector)))
	if err != nil {
		b.t.Fatal(err)
	}
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: []string{path}, DragOperationsMask: 1}
	for _, event := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		if _, err := chromedp.Call(b.ctx, input.DispatchDragEvent, input.DispatchDragEventParams{Type: event, X: at[0], Y: at[1], Data: data}); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *tab) text() string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

func (b *tab) mustShow(texts ...string) {
	b.t.Helper()
	all := strings.ToLower(b.text())
	for _, want := range texts {
		if !strings.Contains(all, strings.ToLower(want)) {
			b.t.Errorf("the page does not show %q:\n%s", want, all)
		}
	}
}

// sound looks at what every page must be: as wide as the screen, with a language, one heading of the first level, a name
// for all that can be used, and ids that are there once.
func (b *tab) sound() {
	b.t.Helper()
	faults, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`(() => {
		const out = [], all = (q) => [...document.querySelectorAll(q)];
		if (document.documentElement.scrollWidth > window.innerWidth) out.push("it is wider than the screen: " + document.documentElement.scrollWidth);
		for (const e of all("header a, header button")) if (e.getClientRects().length && e.getBoundingClientRect().right > window.innerWidth && !e.matches(".skip")) out.push("beside the screen: " + e.textContent);
		if (!document.documentElement.lang) out.push("it has no language");
		if (all("h1").length !== 1) out.push("it has " + all("h1").length + " first headings");
		if (!document.querySelector("main")) out.push("it has no main part");
		for (const e of all("input:not([type=hidden]), select, textarea")) if (!e.labels.length) out.push("no label: " + e.outerHTML);
		for (const e of all("button, a, summary")) if (!e.textContent.trim() && !e.getAttribute("aria-label")) out.push("no name: " + e.outerHTML);
		for (const e of all("[aria-labelledby], [aria-describedby]")) for (const k of ["aria-labelledby", "aria-describedby"]) {
			const id = e.getAttribute(k); if (id && !document.getElementById(id)) out.push("names nothing: " + id);
		}
		const ids = all("[id]").map((e) => e.id); for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) out.push("twice: " + id);
		if (all("[style], style, script:not([src])").length) out.push("a style or a script stands in it");
		return out;
	})()`))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range faults {
		b.t.Errorf("%s", f)
	}
	b.accessible()
}

// accessible holds the page, with all that it folds, against WCAG 2.2 AA as axe-core knows it: names, roles, landmarks,
// headings, contrast, what the keyboard reaches.
func (b *tab) accessible() {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "node", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return // npm is not there; the suite that starts this one says so
	}
	faults, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](string(axe)+`;(async () => {
		if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done)); // its style decides
		const folded = [...document.querySelectorAll("details:not([open])")].slice(0, 100); // a page has more only where they are alike
		for (const d of folded) d.open = true;
		const found = await axe.run(document, {resultTypes: ["violations"], runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}});
		for (const d of folded) d.open = false;
		return found.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + v.help + ": " + n.html.slice(0, 200)));
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range faults {
		b.t.Errorf("%s", f)
	}
}

// shot keeps a picture of the whole page, where POSTERN_SCREENSHOTS names a folder.
func (b *tab) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("POSTERN_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Logf("no picture of %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600); err != nil {
		b.t.Error(err)
	}
}

// archive writes the example with some of its texts replaced.
func archive(t *testing.T, replace map[string][2]string) string {
	t.Helper()
	root := os.Getenv("POSTERN_EXAMPLE")
	path := filepath.Join(t.TempDir(), "shop.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := zip.NewWriter(f)
	done := map[string]bool{}
	err = filepath.WalkDir(root, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if words, ok := replace[name]; ok {
			done[name] = strings.Contains(string(content), words[0])
			content = []byte(strings.Replace(string(content), words[0], words[1], 1))
		}
		to, err := out.Create("shop/" + filepath.ToSlash(name))
		if err == nil {
			_, err = to.Write(content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range replace {
		if !done[name] {
			t.Fatalf("%s does not hold what is to be replaced", name)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConsole goes the way of somebody who brings a change of a project: signs in, plans, gives a missing secret, applies,
// confirms, looks at a flow, and goes back.
func TestConsole(t *testing.T) {
	if os.Getenv("POSTERN_URL") == "" {
		t.Skip("no server: the suite one folder up starts one")
	}
	b := open(t)
	in := "/console/projects/" + b.project

	b.open(in)
	b.see("Sign in")
	b.shot("sign-in")
	b.run(chromedp.SendKeys("#key", "K000000000000000000000000000no"+kb.Enter))
	b.run(chromedp.WaitVisible(`[role=alert]`))
	b.mustShow("not a key that may be used")
	b.run(chromedp.SendKeys("#key", os.Getenv("POSTERN_MANAGEMENT_KEY")+kb.Enter)) // the keyboard is enough
	b.see("History")
	b.shot("history")
	b.open("/console/")
	b.see("Projects")

	const value = "planted-in-the-browser-9f2"
	b.open(in + "/import")
	b.shot("import")
	b.drop("#drop", os.Getenv("POSTERN_EXAMPLE"))
	b.run(chromedp.WaitVisible(`//p[@id="chosen" and contains(., " files, ")]`))
	b.run(chromedp.Click(`#upload button[type=submit]`)) // and so by the script, with its progress
	b.see("Plan of an import")
	b.mustShow("Nothing would change")

	b.open(in + "/import")
	b.run(chromedp.SetUploadFiles("#archive", []string{archive(t, map[string][2]string{
		"styles/light.json":              {"#b5532a", "#2a6fb5"},
		"flows/newsletter/contents.json": {`"name": "Subscribe"`, `"name": "Subscribe at once"`},
		"connectors/audit-hook.json":     {"https://", "https://other-"},
		"flows/flows.json":               {"\"sign-up-or-in\",\n    \"step-up\"", "\"sign-up-or-in\""},
	})}))
	b.run(chromedp.Submit("#upload"))
	b.see("Plan of an import")
	b.mustShow("would be refused", "missing", "#b5532a", "#2a6fb5")
	b.shot("plan-missing")
	b.run(chromedp.SendKeys("#secret-0", value), chromedp.SendKeys("#secret-1", value+"-too"), chromedp.Click(`//button[contains(., "Plan again")]`))
	b.run(chromedp.WaitVisible(`#apply`))
	b.see("Plan of an import")
	b.shot("plan")
	b.run(size(390, 844))
	b.sound()
	b.shot("plan-phone")
	b.run(size(1280, 900))

	b.run(chromedp.SendKeys("#message", "a calmer colour"), chromedp.SetValue("#within", "1h"), chromedp.Click(`//button[normalize-space()="Apply"]`))
	b.see("Revision")
	b.mustShow("The import was applied", "a calmer colour", "waits to be confirmed")
	b.shot("revision")
	page, err := chromedp.Run(b.ctx, chromedp.OuterHTML("html"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page, value) {
		t.Error("the value of a secret is in a page")
	}
	b.run(chromedp.Click(`button[value=stay]`))
	b.run(chromedp.WaitVisible(`//p[contains(., "The revision stays")]`))
	b.open(in)
	b.shot("history-after")
	b.open(in + "/flow?folder=flows/newsletter&since=1")
	b.see("Newsletter")
	b.shot("flow")

	b.open(in + "/revisions/1/rollback")
	b.see("Go back to revision 1")
	b.shot("rollback")
	b.run(chromedp.Click(`//button[contains(., "Go back to revision 1")]`))
	b.see("Revision")
	b.mustShow("The project is what it was")

	dark := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, dark); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "/import", "/policy", "/audit"} {
		b.run(size(360, 740))
		b.open(in + name)
		b.shot("dark" + strings.ReplaceAll(name, "/", "-"))
	}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "/import", "/flows", "/flow?folder=flows/sign-in", "/policy", "/audit", "/revisions/1"} {
		b.run(size(390, 844))
		b.open(in + name)
		b.shot("phone" + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(name))
		b.run(size(1280, 900))
		b.open(in + name)
		b.shot("wide" + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(name))
	}
	b.open("/console/keys")
	b.shot("keys")
	b.run(size(390, 844))
	b.open("/console/keys")
	b.shot("keys-phone")
	b.open("/console/")
	b.shot("projects-phone")
	b.run(chromedp.Click(`.who button`))
	b.see("Sign in")
	b.open("/console/keys")
	b.see("Sign in")

	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.wrong {
		t.Errorf("the browser complains: %s", text)
	}
	for _, address := range b.requests {
		if !strings.HasPrefix(address, b.base+"/console") && !strings.HasPrefix(address, "data:") && !strings.HasPrefix(address, "about:") {
			t.Errorf("a page asks %s", address)
		}
	}
}
