package cli

import (
	"context"
	"fmt"
)

// undeleteCommand brings a project back.
type undeleteCommand struct {
	connection
}

// Help implements kong.HelpProvider.
func (undeleteCommand) Help() string {
	return `The project is as it was, with its revisions and secrets. The key must be an admin of all projects. postern project list
--deleted shows what can be brought back, and until when.

Examples:

    postern project undelete --project P2aAc4T2V93bddihGEx2Ryhc8e5Z`
}

// Run implements the command.
func (c *undeleteCommand) Run(ctx context.Context, a *app) error {
	if c.Project == "" {
		return usage("postern project list --deleted shows the ids", "there is no project")
	}
	to, ctx, cancel, err := c.client(ctx, c.URL, "", nil)
	if err != nil {
		return err
	}
	defer cancel()
	p, err := to.Undelete(ctx, c.Project)
	if err != nil {
		return err
	}
	return a.printNew(p, c.JSON, "Brought back")
}

// rotateKeyCommand gives a project a new data key.
type rotateKeyCommand struct {
	connection
}

// Help implements kong.HelpProvider.
func (rotateKeyCommand) Help() string {
	return `Every secret of every revision is sealed with the new key, and the older key is thrown away, in one transaction. Imports go
on meanwhile. The key must be an admin of the project.

Examples:

    postern project rotate-key
    postern project rotate-key --project P2aAc4T2V93bddihGEx2Ryhc8e5Z --json`
}

// Run implements the command.
func (c *rotateKeyCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	done, err := to.RotateKey(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(done)
	}
	fmt.Fprintf(a.stderr, "Sealed %s with version %d of the data key.\n", plural(done.Secrets, "secret"), done.Version)
	return nil
}
