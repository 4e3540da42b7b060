package cli

import (
	"context"
	"os"
	"strings"

	"postern/internal/audit"
	"postern/internal/secret"
	"postern/internal/server"
	"postern/internal/store"
)

// vault is a database with the key of its secrets, to work on without a server
// between. Servers may run on it meanwhile.
type vault struct {
	Database      string      `help:"SQLite file, or postgres:// URL." default:"postern.db" env:"POSTERN_DATABASE" placeholder:"URL"`
	MasterKeyFile string      `help:"File with the master key. The key itself may be in POSTERN_MASTER_KEY instead." env:"POSTERN_MASTER_KEY_FILE" placeholder:"FILE" type:"path"`
	MasterKey     secret.Text `help:"The master key itself." env:"POSTERN_MASTER_KEY" hidden:""`
}

// operator is who acts, for the audit: whoever may open the database.
func operator() audit.Origin { return audit.Origin{Actor: "cli"} }

// open opens the database, which must be there.
func (v *vault) open(ctx context.Context) (*store.DB, error) {
	return openDatabase(ctx, v.Database)
}

func openDatabase(ctx context.Context, url string) (*store.DB, error) {
	if !strings.Contains(url, "://") {
		if _, err := os.Stat(url); err != nil {
			return nil, usage("name it with --database", "there is no database %s", url)
		}
	}
	return store.Open(ctx, url, store.Options{MaxConns: 2})
}

// master returns the master key.
func (v *vault) master() (*secret.Master, error) {
	c := server.Config{MasterKeyFile: v.MasterKeyFile, MasterKey: v.MasterKey}
	return c.OpenMaster()
}
