package cli

import (
	"context"
	"fmt"

	"github.com/alecthomas/kong"

	"postern/internal/server"
)

// serveCommand runs a server.
type serveCommand struct {
	File kong.ConfigFlag `name:"config" help:"JSON file with settings, named as the flags are. Flags and the environment go before it." placeholder:"FILE" type:"path"`
	server.Config
}

// Help implements kong.HelpProvider.
func (serveCommand) Help() string {
	return `The server keeps its projects in one database, and their secrets sealed in it under the master key, which is
not in the database: keep a copy of its file somewhere else. Without that key the secrets are lost.

It stops on SIGTERM or Ctrl-C, after the requests that run have been answered.

Examples:

    postern serve --master-key-file master.key --make-master-key
    postern key create --name ops --role admin
    postern serve --config /etc/postern.json --database postgres://db/postern`
}

// Run implements the command.
func (c *serveCommand) Run(ctx context.Context, a *app) error {
	s, err := server.New(ctx, c.Config, c.Logger(a.stderr))
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// versionCommand says which version this is.
type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run(a *app) error {
	_, err := fmt.Fprintln(a.stdout, versionText())
	return err
}

func versionText() string { return "postern " + server.Version() }
