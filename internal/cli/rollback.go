package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"postern/internal/client"
)

// rollbackCommand goes back to a revision.
type rollbackCommand struct {
	Revision      revisionNumber `arg:"" help:"Number of the revision to go back to; postern project log shows them."`
	Message       string         `short:"m" help:"Why, for the history of the project." placeholder:"TEXT"`
	ConfirmWithin string         `help:"Go forward again by itself after this time, from 10s to 24h, unless postern project confirm comes first." placeholder:"TIME"`
	Yes           bool           `help:"Do not ask."`
	detail
	leave
	connection
}

// Help implements kong.HelpProvider.
func (rollbackCommand) Help() string {
	return `Shows what it will do and asks, unless --yes is given. The project becomes exactly what it was at that revision, as a new
revision: so a rollback can be rolled back. It is checked as an import is. Secrets get the values that they had; where one was
destroyed since, nothing is applied.

Exits with 2 where the rollback is refused.

Examples:

    postern project rollback 41
    postern project rollback 41 --yes -m "sign-in broke" --confirm-within 30m`
}

// Run implements the command.
func (c *rollbackCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	in := client.RollbackRequest{Revision: int64(c.Revision), Message: c.Message, Within: c.ConfirmWithin, Weakening: c.AllowWeakening, ValidateOnly: true}
	plan, err := to.Rollback(ctx, in)
	if err != nil {
		return err
	}
	if !plan.OK {
		return c.refuse(a, plan)
	}
	if !c.JSON {
		if err := c.tellPlan(a, plan); err != nil {
			return err
		}
	}
	if len(plan.Differences) > 0 && !c.Yes {
		if err := a.yes(fmt.Sprintf("Go back from revision %d to what the project was at revision %d?", plan.Revision, c.Revision)); err != nil {
			return err
		}
	}
	in.ValidateOnly, in.Plan = false, plan.Plan // what was shown is what is done
	res, err := to.Rollback(ctx, in)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(res)
	}
	if !res.Changed {
		fmt.Fprintf(a.stderr, "The project was so already: revision %d, nothing changed.\n", res.Revision)
		return nil
	}
	fmt.Fprintf(a.stderr, "Went back to revision %d: it is revision %d now, %s.\nDigest %s\n", c.Revision, res.Revision, plural(len(res.Changes), "change"), escaped(res.Digest))
	a.tellPending(res.Pending)
	return nil
}

func (c *rollbackCommand) refuse(a *app, plan *client.RollbackResult) error {
	if c.JSON {
		if err := a.printJSON(plan); err != nil {
			return err
		}
		return errRefused
	}
	a.report(&local{name: func(file string) string { return file }}, plan.Warnings)
	fmt.Fprintln(a.stderr, "Nothing was changed.")
	if plan.Plan != "" {
		fmt.Fprintf(a.stderr, "It can be done once its plan is approved with another key: postern project approve %s\n", escaped(plan.Plan))
	}
	return errRefused
}

func (c *rollbackCommand) tellPlan(a *app, plan *client.RollbackResult) error {
	if len(plan.Warnings) > 0 {
		a.report(&local{name: func(file string) string { return file }}, plan.Warnings)
	}
	if err := a.printDifferences(plan.Differences, c.detail, "Nothing would change."); err != nil {
		return err
	}
	a.tellEffects(plan.Effects)
	if len(plan.Differences) > 0 {
		fmt.Fprintln(a.stderr, "\nWhat a rollback does not undo:")
		for _, text := range plan.CannotUndo {
			fmt.Fprintf(a.stderr, "  - %s\n", printable(text))
		}
	}
	return nil
}

// yes asks a question, and goes on only if the answer is yes.
func (a *app) yes(question string) error {
	fmt.Fprintf(a.stderr, "\n%s [y/N] ", question)
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		fmt.Fprintln(a.stderr)
		return usage("--yes goes on without asking", "nothing was changed")
	}
	return nil
}

// confirmCommand settles what waits.
type confirmCommand struct {
	Revision revisionNumber `arg:"" optional:"" help:"Number of the revision that waits (default: the one that does)."`
	Undo     bool           `help:"Take it back at once."`
	connection
}

// Help implements kong.HelpProvider.
func (confirmCommand) Help() string {
	return `An import or a rollback with --confirm-within goes back by itself unless this command comes first. Until then nothing else is
imported.

Examples:

    postern project confirm
    postern project confirm 42 --undo`
}

// Run implements the command.
func (c *confirmCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	if c.Revision == 0 {
		h, err := to.Revisions(ctx, 0, 1)
		if err != nil {
			return err
		}
		if h.Pending == nil {
			return usage("postern project log shows what became of it", "no revision waits to be confirmed")
		}
		c.Revision = revisionNumber(h.Pending.Revision)
	}
	done, err := to.Confirm(ctx, int64(c.Revision), c.Undo)
	if refused, ok := errors.AsType[*client.Error](err); ok && len(refused.Details) > 0 && !c.JSON {
		a.report(&local{name: func(file string) string { return file }}, refused.Details)
		fmt.Fprintln(a.stderr, "Nothing was changed.")
		return errRefused
	}
	switch {
	case err != nil:
		return err
	case c.JSON:
		return a.printJSON(done)
	case done.Confirmed:
		fmt.Fprintf(a.stderr, "Revision %d stays.\n", done.Revision)
	default:
		fmt.Fprintf(a.stderr, "Revision %d was undone: the project is at revision %d, %s.\n", c.Revision, done.Revision, plural(len(done.Changes), "change"))
		a.tellChanges(done.Changes)
	}
	return nil
}

// secretCommand is what can be done with stored secrets.
type secretCommand struct {
	Revoke revokeCommand `cmd:"" help:"Destroy the older values of the secrets of an entity, so that no rollback brings them back."`
}

// revokeCommand destroys values.
type revokeCommand struct {
	ID string `arg:"" help:"Id of the entity whose secrets they were, such as a connector."`
	connection
}

// Help implements kong.HelpProvider.
func (revokeCommand) Help() string {
	return `For a credential that leaked: import the new value first, and then run this. The value that the project uses now stays.
A rollback to a revision that needs a value that was destroyed is refused. The key must be an admin of the project.

Examples:

    postern project secret revoke CI2aAc4T2V93bddihGEx2Ryhc8e5Z`
}

// Run implements the command.
func (c *revokeCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	n, err := to.RevokeSecrets(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(map[string]int{"values": n})
	}
	fmt.Fprintf(a.stderr, "Destroyed %s.\n", plural(n, "value"))
	return nil
}
