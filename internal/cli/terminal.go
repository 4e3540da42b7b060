package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/mattn/go-isatty"
)

// The colours, as SGR parameters (ECMA-48 §8.3.117).
const (
	red    = "31"
	yellow = "33"
	green  = "32"
	bold   = "1"
	faint  = "2"
)

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// wantsColor follows no-color.org.
func wantsColor(w any) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// paint colours text for stderr.
func (a *app) paint(color, text string) string {
	if !a.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// progress shows how far a long work is, on a terminal only, on one line that
// vanishes when the work is done.
type progress struct {
	w    io.Writer
	live bool

	mu    sync.Mutex
	last  time.Time
	shown bool
	ended bool
}

// progressEvery bounds how often the line is written.
const progressEvery = 100 * time.Millisecond

func (a *app) progress() *progress { return &progress{w: a.stderr, live: a.live} }

// say shows text.
func (p *progress) say(format string, args ...any) {
	p.show(false, format, args...)
}

// sent shows how much of an upload is on its way.
func (p *progress) sent(n, total int64) {
	if n >= total {
		p.show(true, "Sent %s, the server checks it …", bytesText(n))
		return
	}
	p.show(false, "Sending %s of %s …", bytesText(n), bytesText(total))
}

func (p *progress) show(always bool, format string, args ...any) {
	if !p.live {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || !always && time.Since(p.last) < progressEvery {
		return
	}
	p.last, p.shown = time.Now(), true
	fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
}

// end takes the line away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown && !p.ended {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.ended = true
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%d B", n)
	}
}

// plural writes a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// printable takes what could steer a terminal, or turn the text on it around,
// out of text that came from elsewhere: a server, or a file.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// escaped is such a text on one line, each character that cannot be seen
// written out: a name in a list.
func escaped(s string) string {
	unseen := func(r rune) bool { return !unicode.IsPrint(r) && r != '\u00a0' && r != '\u3000' && r != '\u200d' }
	if !strings.ContainsFunc(s, unseen) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !unseen(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
