package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"postern/internal/client"
	"postern/internal/snapshot"
)

// revisionNumber is a revision as it is typed.
type revisionNumber int64

// UnmarshalText reads the number of a revision.
func (n *revisionNumber) UnmarshalText(text []byte) error {
	i, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || i < 1 {
		return fmt.Errorf("%q is not the number of a revision; postern project log shows them", text)
	}
	*n = revisionNumber(i)
	return nil
}

// logCommand lists revisions.
type logCommand struct {
	Number int            `short:"n" help:"How many to show at most." default:"20" placeholder:"N"`
	Before revisionNumber `help:"Show those before this revision." placeholder:"N"`
	connection
}

// Help implements kong.HelpProvider.
func (logCommand) Help() string {
	return `An asterisk marks the revision that waits to be confirmed. A plus sign after a commit says that the files differed from
it.

Examples:

    postern project log
    postern project log -n 5 --json | jq '.revisions[].digest'
    postern project log --before 120`
}

// maxLogPage is how many revisions are asked for at once.
const maxLogPage = 500

// Run implements the command.
func (c *logCommand) Run(ctx context.Context, a *app) error {
	if c.Number <= 0 {
		return usage("-n 20 shows twenty of them", "-n must be greater than zero")
	}
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	all := &client.History{Revisions: []client.Revision{}}
	for before := int64(c.Before); ; before = all.Revisions[len(all.Revisions)-1].Number {
		page, err := to.Revisions(ctx, before, min(c.Number-len(all.Revisions), maxLogPage))
		if err != nil {
			return err
		}
		all.Revisions = append(all.Revisions, page.Revisions...)
		all.More, all.Oldest, all.Pending = page.More, page.Oldest, page.Pending
		if !page.More || len(page.Revisions) == 0 || len(all.Revisions) >= c.Number {
			break
		}
	}
	if c.JSON {
		return a.printJSON(all)
	}
	return a.printLog(all)
}

func (a *app) printLog(h *client.History) error {
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REVISION\tTIME\tAUTHOR\tKIND\tCHANGES\tCOMMIT\tMESSAGE")
	for _, r := range h.Revisions {
		mark := ""
		if h.Pending != nil && h.Pending.Revision == r.Number {
			mark = "*"
		}
		fmt.Fprintf(table, "%d%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Number, mark, timeText(r.CreatedTime), escaped(authorText(r.Author)),
			escaped(r.Kind), escaped(dash(r.Summary)), escaped(commitText(r.Source)), escaped(firstLine(r.Message)))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	switch last := len(h.Revisions) - 1; {
	case last < 0:
		fmt.Fprintln(a.stderr, "There are no revisions.")
	case h.More:
		fmt.Fprintf(a.stderr, "Older ones follow: --before %d\n", h.Revisions[last].Number)
	case h.Oldest > 1:
		fmt.Fprintf(a.stderr, "The revisions before %d were collected.\n", h.Oldest)
	}
	a.tellPending(h.Pending)
	return nil
}

func timeText(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }

func authorText(who client.Author) string {
	if who.Name != "" {
		return who.Name
	}
	return dash(who.ID)
}

// shortCommit is how many characters of a commit tell it from others.
const shortCommit = 10

func commitText(s snapshot.Source) string {
	text := dash(s.Commit)
	if r := []rune(text); len(r) > shortCommit {
		text = string(r[:shortCommit])
	}
	if s.Dirty {
		text += "+"
	}
	return text
}

func firstLine(message string) string {
	line, _, more := strings.Cut(strings.TrimSpace(message), "\n")
	if more {
		line += " …"
	}
	return dash(line)
}

// pendingText says in a list what a head waits for.
func pendingText(p *client.Pending) string {
	if p.Failure != "" {
		return fmt.Sprintf("revision %d is not confirmed, and could not go back", p.Revision)
	}
	return fmt.Sprintf("revision %d goes back to %d at %s", p.Revision, p.GoesBackTo, timeText(p.At))
}

// tellPending says what waits to be confirmed, and how that is done.
func (a *app) tellPending(p *client.Pending) {
	if p == nil {
		return
	}
	if p.Failure != "" {
		fmt.Fprintf(a.stderr, "%s nobody confirmed revision %d, and it could not go back to revision %d: %s\n",
			a.paint(red, "stuck:"), p.Revision, p.GoesBackTo, printable(p.Failure))
	} else {
		fmt.Fprintf(a.stderr, "%s revision %d goes back to revision %d at %s, unless it is confirmed.\n",
			a.paint(yellow, "waiting:"), p.Revision, p.GoesBackTo, timeText(p.At))
	}
	fmt.Fprintf(a.stderr, "  postern project confirm %d\n  postern project confirm %d --undo\n", p.Revision, p.Revision)
}

// showCommand shows a revision.
type showCommand struct {
	Revision revisionNumber `arg:"" help:"Number of the revision; postern project log shows them."`
	detail
	connection
}

// Help implements kong.HelpProvider.
func (showCommand) Help() string {
	return `What the revision changed is shown as postern diff shows it. Secrets are never shown, only that they changed.

Examples:

    postern project show 41
    postern project show 41 --json | jq '.differences[].section'`
}

// Run implements the command.
func (c *showCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	got, err := to.Revision(ctx, int64(c.Revision))
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(got)
	}
	r, p := got.Revision, a.paper()
	p.line("%s %d  %s", p.paint(bold, "Revision"), r.Number, escaped(r.Digest))
	for _, row := range [][2]string{
		{"Parent", parentText(r.Parent, got.ParentGone)},
		{"Time", timeText(r.CreatedTime)},
		{"Author", authorText(r.Author) + " (" + r.Author.ID + ")"},
		{"Kind", r.Kind},
		{"Changes", r.Summary},
		{"Commit", fullCommit(r.Source)},
		{"Branch", r.Source.Branch},
		{"Repository", r.Source.Repository},
		{"Environment", r.Environment},
		{"Signed by", signerText(r.SignedBy)},
	} {
		if row[1] != "" {
			p.line("%-11s %s", row[0], escaped(row[1]))
		}
	}
	if r.Message != "" {
		p.line("\n    %s", strings.ReplaceAll(printable(strings.TrimSpace(r.Message)), "\n", "\n    "))
	}
	p.line("")
	if err := p.flush(); err != nil {
		return err
	}
	none := "Nothing of the files changed."
	if got.ParentGone {
		none = "What it changed is not known any more: the revision before it was collected."
	}
	err = a.printDifferences(got.Differences, c.detail, none)
	a.tellPending(got.Pending)
	return err
}

func parentText(n int64, gone bool) string {
	switch {
	case n == 0:
		return ""
	case gone:
		return fmt.Sprintf("%d (collected)", n)
	default:
		return fmt.Sprint(n)
	}
}

func fullCommit(s snapshot.Source) string {
	if s.Dirty {
		return strings.TrimSpace(s.Commit + " with changes")
	}
	return s.Commit
}
