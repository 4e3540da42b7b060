package cli

import (
	"context"
	"errors"
	"fmt"

	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/server"
	"postern/internal/store"
)

// rotateMasterCommand replaces the master key.
type rotateMasterCommand struct {
	Database      string `help:"SQLite file, or postgres:// URL." default:"postern.db" env:"POSTERN_DATABASE" placeholder:"URL"`
	MasterKeyFile string `help:"File with the master key; it is replaced." env:"POSTERN_MASTER_KEY_FILE" placeholder:"FILE" type:"path" required:""`
	Add           bool   `help:"Only put a new key into the file, beside the older ones." xor:"step"`
	Rewrap        bool   `help:"Only wrap the data keys with the newest key of the file." xor:"step"`
	DropOld       bool   `help:"Only take the older keys out of the file, if nothing needs them any more." xor:"step"`
	JSON          bool   `name:"json" help:"Print the result as JSON."`
}

// Help implements kong.HelpProvider.
func (rotateMasterCommand) Help() string {
	return `First a new key goes into the file, beside the older one, which still opens what it wrapped; then the data key of every
project is wrapped with the new one, in one transaction. A server that has the file open notices and reads it again; it
need not be stopped. Secrets are not touched. Broken off at any point, everything still opens, and the command run again
goes on where it was.

With several servers, each with a file of its own, take the steps one by one: --add on one, copy the file to all the
others, --rewrap, and --drop-old last. The same where the file is a Kubernetes secret or the variable POSTERN_MASTER_KEY.

Keep the older key with the backups that were made before: restoring them needs it.

Examples:

    postern key rotate-master --master-key-file master.key
    postern key rotate-master --master-key-file master.key --drop-old`
}

// rotateMasterAnswer is what the command did.
type rotateMasterAnswer struct {
	Added     bool `json:"added"`
	Rewrapped int  `json:"rewrapped"`
	Dropped   int  `json:"dropped"`
}

// Run implements the command.
func (c *rotateMasterCommand) Run(ctx context.Context, a *app) error {
	db, err := openDatabase(ctx, c.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	done, err := c.rotate(ctx, db)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(done)
	}
	if done.Added {
		fmt.Fprintf(a.stderr, "Put a new key into %s. Keep a copy of it somewhere else.\n", c.MasterKeyFile)
	}
	if !c.Add && !c.DropOld {
		fmt.Fprintf(a.stderr, "Wrapped %s with it.\n", plural(done.Rewrapped, "data key"))
		fmt.Fprintln(a.stderr, "Once every server has the new file, --drop-old takes the older key out of it.")
	}
	if c.DropOld {
		fmt.Fprintf(a.stderr, "Took %s out of %s.\n", plural(done.Dropped, "older key"), c.MasterKeyFile)
	}
	return nil
}

func (c *rotateMasterCommand) rotate(ctx context.Context, db *store.DB) (done rotateMasterAnswer, err error) {
	projects, err := c.projects(db)
	if err != nil {
		return done, err
	}
	_, older, pinned, err := projects.Wrapped(ctx)
	if err != nil {
		return done, err
	}
	switch {
	case c.DropOld && (older > 0 || !pinned):
		return done, project.ErrNeeded
	case c.DropOld:
		done.Dropped, err = server.DropMasterKeys(ctx, c.MasterKeyFile)
		return done, err
	case c.Add || !c.Rewrap && older == 0:
		if older > 0 {
			return done, errors.New("the last rotation is not done: run it with --rewrap first")
		}
		if err := server.AddMasterKey(ctx, c.MasterKeyFile); err != nil {
			return done, err
		}
		done.Added = true
	}
	if c.Add {
		return done, nil
	}
	if projects, err = c.projects(db); err != nil {
		return done, err
	}
	done.Rewrapped, err = projects.Rewrap(ctx, operator())
	return done, err
}

// projects returns the projects of the database under the key that the file
// holds now.
func (c *rotateMasterCommand) projects(db *store.DB) (*project.Service, error) {
	var master *secret.Master
	config := server.Config{MasterKeyFile: c.MasterKeyFile}
	master, err := config.OpenMaster()
	return &project.Service{DB: db, Master: master}, err
}
