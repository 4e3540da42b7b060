package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/audit"
	"postern/internal/client"
	"postern/internal/store"
)

// auditCommand is what can be asked of the audit.
type auditCommand struct {
	Search auditSearchCommand `cmd:"" help:"Say who did what in the project, the newest first."`
	Verify auditVerifyCommand `cmd:"" help:"Prove that no audit record was changed or taken away."`
	Export auditExportCommand `cmd:"" help:"Write every audit record of a database as lines of JSON."`
}

// auditSearchCommand asks a server.
type auditSearchCommand struct {
	Text   string        `arg:"" optional:"" help:"What must stand in the action, the key, the address or the details."`
	Action []string      `help:"Only this action; may be repeated." placeholder:"ACTION" sep:"none"`
	Actor  []string      `help:"Only what this key did; may be repeated." placeholder:"KEY" sep:"none"`
	Type   []string      `help:"Only info (done), warn (refused) or error (failed); may be repeated." placeholder:"TYPE" sep:"none" enum:"info,warn,error"`
	Since  time.Duration `help:"Only what is at most so old." placeholder:"TIME"`
	Limit  int           `short:"n" help:"How many records at most." default:"50" placeholder:"N"`
	connection
}

// Help implements kong.HelpProvider.
func (auditSearchCommand) Help() string {
	return `Examples:

    postern audit search
    postern audit search --action project.import --since 24h
    postern audit search --type warn                        # what was refused
    postern audit search --json | jq '.audits[].data.digest'`
}

// Run implements the command.
func (c *auditSearchCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	in := client.AuditSearch{Actions: c.Action, ActorIDs: c.Actor, Types: c.Type, Text: c.Text, Size: c.Limit}
	if c.Since > 0 {
		in.From = time.Now().Add(-c.Since).UnixMilli()
	}
	records, total, err := to.SearchAudit(ctx, in)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(struct {
			Audits []client.AuditRecord `json:"audits"`
			Total  int                  `json:"total"`
		}{records, total})
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHEN\tWHAT\tOUTCOME\tWHO\tFROM\tDETAILS")
	for _, r := range records {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", when(r.Occurred), escaped(r.Action), escaped(text(r.Data["outcome"])),
			escaped(r.ActorID), escaped(dash(r.RemoteAddress)), escaped(details(r.Data)))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if total > len(records) {
		fmt.Fprintf(a.stderr, "%d of %d records; -n shows more.\n", len(records), total)
	}
	return nil
}

// when writes a time of the wire, which is text in milliseconds.
func when(occurred string) string {
	ms, err := strconv.ParseInt(occurred, 10, 64)
	if err != nil {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

func text(v any) string {
	s, _ := v.(string)
	return dash(s)
}

// details writes on one line what a record says besides.
func details(data map[string]any) string {
	rest := map[string]any{}
	for name, v := range data {
		if name != "outcome" && name != "requestId" {
			rest[name] = v
		}
	}
	b, err := json.Marshal(rest, json.Deterministic(true))
	if err != nil || len(rest) == 0 {
		return "-"
	}
	return string(b)
}

// auditExportCommand writes the audit of a database.
type auditExportCommand struct {
	Database string `help:"SQLite file, or postgres:// URL." default:"postern.db" env:"POSTERN_DATABASE" placeholder:"URL"`
}

// Help implements kong.HelpProvider.
func (auditExportCommand) Help() string {
	return `Writes one record a line, chain by chain, the oldest first. The lines prove by themselves that none of them was changed:
give the file to postern audit verify, on any machine.

Examples:

    postern audit export > audit.jsonl
    postern audit verify audit.jsonl`
}

// Run implements the command.
func (c *auditExportCommand) Run(ctx context.Context, a *app) error {
	db, err := openDatabase(ctx, c.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	out := bufio.NewWriter(a.stdout)
	err = db.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return audit.Export(tx, func(l audit.Link) error {
			if err := json.MarshalWrite(out, l); err != nil {
				return err
			}
			return out.WriteByte('\n')
		})
	})
	return errors.Join(err, out.Flush())
}

// auditVerifyCommand follows the chains.
type auditVerifyCommand struct {
	File     string `arg:"" optional:"" help:"What postern audit export wrote, or - for standard input. Without it the database is looked at." placeholder:"FILE"`
	Database string `help:"SQLite file, or postgres:// URL." default:"postern.db" env:"POSTERN_DATABASE" placeholder:"URL"`
	Heads    string `help:"What an earlier audit verify --json printed: the chains must go through these records." placeholder:"FILE" type:"existingfile"`
	JSON     bool   `name:"json" help:"Print the result as JSON."`
}

// Help implements kong.HelpProvider.
func (auditVerifyCommand) Help() string {
	return `The hash of each record covers the one before it, in a chain for each project and one for the server. A record that was
changed, moved or taken away breaks its chain.

Whoever can write to the database could also write a whole chain anew. To see that too, keep the last hashes in another
place, and give them to the next run with --heads.

Exits with 1 where a chain is broken.

Examples:

    postern audit verify --database postern.db
    postern audit verify --json > heads-$(date +%F).json
    postern audit verify --heads heads-2026-01-01.json
    postern audit export | postern audit verify -`
}

var errChain = errors.New("the audit is not what was written")

// Run implements the command.
func (c *auditVerifyCommand) Run(ctx context.Context, a *app) error {
	kept, err := readHeads(c.Heads)
	if err != nil {
		return err
	}
	v, err := c.verify(ctx, a, kept)
	if err != nil {
		return err
	}
	if c.JSON {
		err = a.printJSON(struct {
			Records int           `json:"records"`
			Older   int           `json:"olderThanChains"`
			Heads   []audit.Head  `json:"heads"`
			Breaks  []audit.Break `json:"breaks"`
		}{v.Records, v.Older, v.Heads, v.Breaks})
	} else {
		a.tellChains(v)
	}
	if err == nil && len(v.Breaks) > 0 {
		return fmt.Errorf("%w: %s", errChain, plural(len(v.Breaks), "break"))
	}
	return err
}

func (c *auditVerifyCommand) verify(ctx context.Context, a *app, kept []audit.Head) (v *audit.Verifier, err error) {
	if c.File == "" {
		db, err := openDatabase(ctx, c.Database)
		if err != nil {
			return nil, err
		}
		defer db.Close()
		err = db.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
			v, err = audit.Verify(tx, kept)
			return err
		})
		return v, err
	}
	in := a.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	v = &audit.Verifier{}
	v.Expect(kept)
	if err := eachLink(in, v.Next); err != nil {
		return nil, err
	}
	v.End(nil)
	return v, nil
}

// eachLink reads the lines of an export.
func eachLink(from io.Reader, fn func(audit.Link) error) error {
	dec := jsontext.NewDecoder(from)
	for n := 1; ; n++ {
		var l audit.Link
		err := json.UnmarshalDecode(dec, &l, json.RejectUnknownMembers(true))
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil || l.ID == "" || l.Action == "":
			return usage("it must be what postern audit export wrote", "value %d is no audit record", n)
		}
		if err := fn(l); err != nil {
			return err
		}
	}
}

// readHeads reads what an earlier run printed.
func readHeads(path string) ([]audit.Head, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	var kept struct {
		Heads []audit.Head `json:"heads"`
	}
	if err := json.Unmarshal(b, &kept); err != nil || len(kept.Heads) == 0 {
		return nil, usage("it must be what postern audit verify --json printed", "%s holds no heads", path)
	}
	return kept.Heads, nil
}

func (a *app) tellChains(v *audit.Verifier) {
	fmt.Fprintf(a.stderr, "Followed %s in %s.\n", plural(v.Records-v.Older, "record"), plural(len(v.Heads), "chain"))
	if v.Older > 0 {
		fmt.Fprintf(a.stderr, "%s from before there were chains: nothing proves that they are whole.\n", plural(v.Older, "record"))
	}
	for i, b := range v.Breaks {
		if i == mostShown {
			fmt.Fprintf(a.stderr, "and %d more\n", len(v.Breaks)-i)
			break
		}
		of := "the server"
		if b.Project != "" {
			of = b.Project
		}
		fmt.Fprintf(a.stderr, "record %d of %s %s: %s\n", b.Number, printable(of), printable(b.ID), printable(b.Message))
	}
	if len(v.Breaks) == 0 {
		fmt.Fprintln(a.stderr, "Every chain is whole.")
	}
}
