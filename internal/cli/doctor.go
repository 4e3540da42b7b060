package cli

import (
	"context"
	"errors"
	"fmt"

	"postern/internal/doctor"
	"postern/internal/secret"
	"postern/internal/store"
)

// doctorCommand looks at a database.
type doctorCommand struct {
	vault
	WithoutKey bool `help:"Look at all but whether secrets open, where the master key is not at hand."`
	JSON       bool `name:"json" help:"Print the result as JSON."`
}

// Help implements kong.HelpProvider.
func (doctorCommand) Help() string {
	return `Reads everything: that each content has its digest, each revision its files, that each secret opens with the master key,
that keys, policies, answers to imports and audit records can be read, which connectors do not take the audit, and what is
there that nothing needs. Servers may run meanwhile. It repairs
nothing: what is damaged comes back with postern restore, what nothing needs goes with postern collect.

Exits with 1 where something is damaged.

Examples:

    postern doctor --master-key-file master.key
    postern doctor --database postgres://db/postern --without-key --json`
}

var errDamaged = errors.New("the database is damaged")

// mostShown bounds the findings that a person gets to see.
const mostShown = 100

// Run implements the command.
func (c *doctorCommand) Run(ctx context.Context, a *app) error {
	var master *secret.Master
	if !c.WithoutKey {
		var err error
		if master, err = c.master(); err != nil {
			return err
		}
	}
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	return c.examine(ctx, a, db, master)
}

func (c *doctorCommand) examine(ctx context.Context, a *app, db *store.DB, master *secret.Master) error {
	r, err := doctor.Examine(ctx, db, master)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else {
		a.tellReport(r, c.WithoutKey)
	}
	if !r.OK() {
		return fmt.Errorf("%w: %s", errDamaged, plural(len(r.Problems), "problem"))
	}
	return nil
}

// tellReport says what was found, to people.
func (a *app) tellReport(r *doctor.Report, withoutKey bool) {
	fmt.Fprintf(a.stderr, "Looked at %s, %s, %s, %s, %s, %s.\n", plural(r.Projects, "project"), plural(r.Revisions, "revision"),
		plural(r.Blobs, "content"), plural(r.Secrets, "secret"), plural(r.Keys, "management key"), plural(r.Events, "audit record"))
	if withoutKey {
		fmt.Fprintln(a.stderr, "Secrets were not opened.")
	}
	a.tellFindings(r.Problems)
	a.tellFindings(r.Streams)
	if n := len(r.Orphans); n > 0 {
		fmt.Fprintf(a.stderr, "Nothing needs %s; postern collect takes away what is no longer needed.\n", plural(n, "thing"))
	}
	if r.OK() {
		fmt.Fprintln(a.stderr, "Nothing is damaged.")
	} else {
		fmt.Fprintln(a.stderr, "What nothing needs is not known while something is damaged: do not collect before it is mended.")
	}
}

// tellFindings says the first of some findings, to people.
func (a *app) tellFindings(list []doctor.Finding) {
	for i, f := range list {
		if i == mostShown {
			fmt.Fprintf(a.stderr, "and %d more\n", len(list)-i)
			break
		}
		in := ""
		if f.Project != "" {
			in = " of " + f.Project
		}
		fmt.Fprintf(a.stderr, "%s %s%s: %s\n", f.Kind, printable(f.At), printable(in), printable(f.Message))
	}
}
