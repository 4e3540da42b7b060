package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"postern/internal/client"
	"postern/internal/snapshot"
)

// approveCommand is the second person.
type approveCommand struct {
	Plan string `arg:"" help:"File that postern project plan --out wrote, or the digest of a plan."`
	Yes  bool   `help:"Do not ask."`
	detail
	connection
}

// Help implements kong.HelpProvider.
func (approveCommand) Help() string {
	return `Where the policy of a project asks for a second person, a plan that weakens security is applied only after it was approved with
another key than the one that applies it. The command shows the plan that the file holds and asks, unless --yes is given.

The approval is of the digest, so of exactly these changes over this revision of the project: whatever the file says, another plan
is not approved by it. Whoever does not trust the file makes the plan again from the files, and compares the digests. An approval
counts for seven days.

Examples:

    postern project approve plan.json
    postern project approve 4c1f…e0 --yes --key-file second.key`
}

// Run implements the command.
func (c *approveCommand) Run(ctx context.Context, a *app) error {
	digest := c.Plan
	if _, err := snapshot.ParseDigest(digest); err != nil {
		if _, err := os.Stat(c.Plan); err != nil {
			return usage("name the file that postern project plan --out wrote, or the digest of a plan", "there is no file %s", c.Plan)
		}
	}
	if _, err := os.Stat(c.Plan); err == nil {
		kept, err := readPlan(c.Plan)
		if err != nil {
			return err
		}
		if c.Project == "" {
			c.Project = kept.Project
		}
		if c.Project != kept.Project {
			return usage("a plan is for one project", "the plan is for the project %s, and not for %s", kept.Project, c.Project)
		}
		digest = kept.Plan.Digest
		if !c.JSON {
			if err := a.printDifferences(kept.Plan.Changes, c.detail, "No file would change."); err != nil {
				return err
			}
			a.tellSecrets(kept.Plan.Secrets)
		}
	}
	if !c.Yes {
		if err := a.yes(fmt.Sprintf("Approve the plan %s?", escaped(digest))); err != nil {
			return err
		}
	}
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	done, err := to.Approve(ctx, digest)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(done)
	}
	fmt.Fprintf(a.stderr, "Approved until %s, for another key to apply it.\n", time.Unix(done.Until, 0).Format(time.DateTime))
	return nil
}

// tellApprovals says who approved a plan.
func (a *app) tellApprovals(list []client.Approval) {
	for _, one := range list {
		name := one.By.Name
		if name == "" {
			name = one.By.ID
		}
		fmt.Fprintf(a.stderr, "%s by %s, until %s.\n", a.paint(green, "Approved"), printable(name), time.Unix(one.Until, 0).Format(time.DateTime))
	}
}
