package cli

import (
	"bufio"
	"fmt"

	"postern/internal/snapshot"
)

// A paper is stdout for people: it has colours of its own, as stderr may be a
// terminal where stdout is a file.
type paper struct {
	out   *bufio.Writer
	color bool
}

func (a *app) paper() *paper {
	return &paper{out: bufio.NewWriter(a.stdout), color: wantsColor(a.stdout)}
}

func (p *paper) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p *paper) paint(color, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// sign is the mark of an action.
func (p *paper) sign(action snapshot.Action) string {
	switch action {
	case snapshot.Created:
		return p.paint(green, "+")
	case snapshot.Removed:
		return p.paint(red, "-")
	default:
		return p.paint(yellow, "~")
	}
}

func (p *paper) flush() error { return p.out.Flush() }
