package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"postern/internal/backup"
	"postern/internal/fault"
	"postern/internal/server"
	"postern/internal/store"
)

// backupCommand writes a database into a file.
type backupCommand struct {
	File     string `arg:"" help:"File to write, which must not be there yet, or - for standard output."`
	Database string `help:"SQLite file, or postgres:// URL." default:"postern.db" env:"POSTERN_DATABASE" placeholder:"URL"`
	JSON     bool   `name:"json" help:"Print what was written as JSON."`
}

// Help implements kong.HelpProvider.
func (backupCommand) Help() string {
	return `Writes everything, as it is at one moment, into one compressed file with checksums; servers may run and write meanwhile.
The file fits either kind of database. Secrets in it are sealed: without the master key, which is not in it, they are lost.
Keep a copy of that key somewhere else.

Examples:

    postern backup postern-$(date +%F).backup
    postern backup - --database postgres://db/postern | ssh vault 'cat > postern.backup'`
}

// Run implements the command.
func (c *backupCommand) Run(ctx context.Context, a *app) error {
	db, err := openDatabase(ctx, c.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	if c.File == "-" {
		if c.JSON {
			return usage("name a file", "the backup and the JSON cannot both go to standard output")
		}
		_, err := backup.Write(ctx, db, a.stdout, server.Version())
		return err
	}
	sum, err := writeBackup(ctx, db, c.File)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(sum)
	}
	fmt.Fprintf(a.stderr, "Wrote %s to %s. The master key is not in it: restoring needs it.\n", rowsText(sum), c.File)
	return nil
}

// writeBackup writes the file whole or not at all, and never over another one.
func writeBackup(ctx context.Context, db *store.DB, path string) (sum *backup.Summary, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(usage("choose another name", "there is a file %s already", path), err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".postern-backup-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	sum, err = backup.Write(ctx, db, f, server.Version())
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(f.Name(), path) // where there are no links; nobody takes the name of a backup meanwhile
	}
	return sum, err
}

func rowsText(sum *backup.Summary) string {
	return fmt.Sprintf("%s, %s and %s", plural(sum.Rows["projects"], "project"), plural(sum.Rows["revisions"], "revision"), plural(sum.Rows["secrets"], "secret"))
}

// restoreCommand reads such a file into a database.
type restoreCommand struct {
	File string `arg:"" help:"File that postern backup wrote."`
	vault
	WithoutKey   bool `help:"Do not see whether the secrets open, where the master key is not at hand."`
	ForceEmpty   bool `help:"Delete everything that the database holds first. Without it the database must be empty."`
	AcceptDamage bool `help:"Restore also what was damaged already when the backup was made."`
	CheckOnly    bool `help:"Read the file and see that it is whole, and touch no database."`
	JSON         bool `name:"json" help:"Print what was restored as JSON."`
}

// Help implements kong.HelpProvider.
func (restoreCommand) Help() string {
	return `Makes the database what the backup is, in one transaction: a file that is damaged or cut off changes nothing. Before the
end everything is looked at as postern doctor does, with the master key that was in use when the backup was made, or a
file in which it is one of several.

Stop the servers first: one that runs meanwhile may show what it remembers.

Examples:

    postern restore postern.backup --database new.db --master-key-file master.key
    postern restore postern.backup --check-only
    postern restore postern.backup --database postgres://db/postern --force-empty`
}

// Run implements the command.
func (c *restoreCommand) Run(ctx context.Context, a *app) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	if c.CheckOnly {
		sum, err := backup.Check(f)
		if err != nil {
			return err
		}
		return c.tell(a, sum, "The backup of "+sum.MadeAt.Format("2006-01-02 15:04:05 MST")+" is whole: it holds")
	}
	o := backup.Options{Empty: c.ForceEmpty, AcceptDamage: c.AcceptDamage, By: operator()}
	if !c.WithoutKey {
		if o.Master, err = c.master(); err != nil {
			return err
		}
	}
	return c.restore(ctx, a, f, o)
}

func (c *restoreCommand) restore(ctx context.Context, a *app, f io.ReadSeeker, o backup.Options) error {
	if _, err := backup.Check(f); err != nil { // before a database is made
		return err
	}
	db, err := store.Open(ctx, c.Database, store.Options{MaxConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	sum, report, err := backup.Restore(ctx, db, f, o)
	if fault.From(err) != nil && errors.Is(err, backup.ErrUnsound) && report != nil {
		a.tellReport(report, c.WithoutKey)
	}
	if errors.Is(err, backup.ErrNotEmpty) {
		return fault.From(err).WithHint("--force-empty deletes what it holds")
	}
	if err != nil {
		return err
	}
	return c.tell(a, sum, "Restored")
}

func (c *restoreCommand) tell(a *app, sum *backup.Summary, did string) error {
	if c.JSON {
		return a.printJSON(sum)
	}
	fmt.Fprintf(a.stderr, "%s %s.\n", did, rowsText(sum))
	return nil
}
