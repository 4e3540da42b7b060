package cli

import (
	"context"
	"fmt"

	"postern/internal/project"
)

// collectCommand takes away what nothing needs.
type collectCommand struct {
	Database string `help:"SQLite file, or postgres:// URL." default:"postern.db" env:"POSTERN_DATABASE" placeholder:"URL"`
	JSON     bool   `name:"json" help:"Print the result as JSON."`
}

// Help implements kong.HelpProvider.
func (collectCommand) Help() string {
	return `Takes away projects that were deleted more than 30 days ago, with their revisions, secrets and keys, and contents that no
revision of any project needs. Servers may run meanwhile, and do the same every hour (--collect-every).

A SQLite file does not get smaller: what is free in it is used again.

Examples:

    postern collect --database postern.db`
}

// Run implements the command.
func (c *collectCommand) Run(ctx context.Context, a *app) error {
	db, err := openDatabase(ctx, c.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	projects := &project.Service{DB: db}
	gone, err := projects.Collect(ctx, operator())
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(gone)
	}
	fmt.Fprintf(a.stderr, "Took away %s with %s and %s, and %s.\n", plural(gone.Projects, "project"),
		plural(gone.Revisions, "revision"), plural(gone.Secrets, "secret"), plural(gone.Blobs, "content"))
	return nil
}
