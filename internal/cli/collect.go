package cli

import (
	"context"
	"fmt"

	"postern/internal/project"
	"postern/internal/server"
)

// collectCommand takes away what nothing needs.
type collectCommand struct {
	Database string `help:"SQLite file, or postgres:// URL." default:"postern.db" env:"POSTERN_DATABASE" placeholder:"URL"`
	JSON     bool   `name:"json" help:"Print the result as JSON."`
	server.Retention
}

// Help implements kong.HelpProvider.
func (collectCommand) Help() string {
	return `Takes away projects that were deleted more than 30 days ago, with their revisions, secrets and keys, and contents that no
revision of any project needs. Servers may run meanwhile, and do the same every hour (--collect-every).

Revisions of projects in use are kept, unless --keep-revisions or --keep-revisions-for lets the oldest go. Never taken are the
newest one, what a revision that waits to be confirmed goes back to, and what another took the place of within the last hour.

A SQLite file does not get smaller: what is free in it is used again.

Examples:

    postern collect --database postern.db
    postern collect --keep-revisions 100 --keep-revisions-for 2160h`
}

// Run implements the command.
func (c *collectCommand) Run(ctx context.Context, a *app) error {
	keep, err := c.Keep()
	if err != nil {
		return &usageError{err: err}
	}
	db, err := openDatabase(ctx, c.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	projects := &project.Service{DB: db}
	gone, err := projects.Collect(ctx, operator(), keep)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(gone)
	}
	fmt.Fprintf(a.stderr, "Took away %s, %s, %s and %s.\n", plural(gone.Projects, "project"),
		plural(gone.Revisions, "revision"), plural(gone.Secrets, "secret"), plural(gone.Blobs, "content"))
	return nil
}
