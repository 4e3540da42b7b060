package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"postern/internal/client"
)

// outboxCommand shows the messages that were not sent.
type outboxCommand struct {
	To    string `arg:"" optional:"" help:"Only what went to this address or number."`
	Limit int    `short:"n" help:"How many messages at most." default:"20" placeholder:"N"`
	Body  bool   `help:"Write the text of the newest message and nothing else: its HTML, where it has no plain text."`
	connection
}

// Help implements kong.HelpProvider.
func (outboxCommand) Help() string {
	return `Shows the messages that the built-in provider kept instead of sending them, because the project names no connector. They hold
codes and links that work, so it needs an admin key, and a project in production has no outbox.

Examples:

    postern project outbox
    postern project outbox ada@example.com --body
    postern project outbox --json | jq -r '.messages[0].text'`
}

// Run implements the command.
func (c *outboxCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	if c.Limit < 1 {
		return usage("-n 20 shows twenty", "the number of messages makes no sense")
	}
	list, err := to.Outbox(ctx, c.To, c.Limit)
	switch {
	case err != nil:
		return err
	case c.JSON:
		if list == nil {
			list = []client.Kept{}
		}
		return a.printJSON(struct {
			Messages []client.Kept `json:"messages"`
		}{list})
	case len(list) == 0:
		fmt.Fprintln(a.stderr, "The outbox is empty.")
		return nil
	case c.Body:
		for line := range strings.Lines(cmp.Or(list[0].Text, list[0].HTML)) {
			fmt.Fprintln(a.stdout, escaped(strings.TrimRight(line, "\r\n")))
		}
		return nil
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHEN\tKIND\tTO\tWHAT")
	for _, m := range list {
		first, _, _ := strings.Cut(m.Text, "\n")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", timeText(m.CreatedTime), escaped(m.Kind), escaped(m.To), escaped(cmp.Or(m.Subject, first)))
	}
	return table.Flush()
}
