package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/client"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// errChanges ends a plan that changes something, where the exit code says so.
var errChanges = errors.New("the plan changes something")

// planCommand says what an import would do.
type planCommand struct {
	upload
	Out      string `help:"File to write the plan to, for postern project apply." placeholder:"FILE" type:"path"`
	Format   string `help:"How to say it: text, json, markdown or sarif." enum:"text,json,markdown,sarif" default:"text" placeholder:"FORMAT"`
	Markdown bool   `help:"Print the plan as Markdown, for a comment on a pull request."`
	Keep     bool   `help:"Keep the plan on the server for seven days, and print the address of its page, where somebody else looks at it and approves it."`
	Message  string `short:"m" help:"Why, for whoever looks at a plan that is kept." placeholder:"TEXT"`
	ExitCode bool   `help:"Exit with 3 where the import would change something."`
	detail
	AllowMovedSecrets bool `help:"As for an import."`
	leave
}

// Help implements kong.HelpProvider.
func (planCommand) Help() string {
	return `Asks the server what an import would do, and changes nothing: what would be created, changed, removed, renamed, by section,
entity and field, what else each of these touches, what becomes of each secret, and which entities keep other ids than the
files give them. No value of a secret is shown, and no stored one is opened.

The plan has a digest. An import that is given it does exactly what was shown, or nothing: postern project apply reads it from the
file that --out writes.

As SARIF, what weakens security is an error of the files, and what should be looked at a warning: what may weaken it, what is
removed, what touches more than the files show.

Where the policy of the project asks for leave to weaken security, --allow-weakening gives it; or another person approves the plan:
postern project approve, or the page in the console whose address --keep prints. A plan that is kept holds the files and the secrets
that came with them, sealed; it goes when it is applied, or after seven days.

Exits with 2 where the files would be refused, and where the plan waits for an approval.

Examples:

    postern project plan config/identity
    postern project plan config/identity --out plan.json && postern project apply plan.json
    postern project plan config/identity --markdown > comment.md
    postern project plan config/identity --format sarif > identity.sarif
    postern project plan --json | jq '.changes[] | select(.section == "password")'`
}

// A planFile is a plan with what it was made of.
type planFile struct {
	Version     int          `json:"version"`
	Project     string       `json:"project"`
	Source      string       `json:"source"`
	Excludes    []string     `json:"excludes,omitempty"`
	Strict      bool         `json:"strict,omitzero"`
	Moved       bool         `json:"allowMovedSecrets,omitzero"`
	Meant       []string     `json:"allowWeakening,omitempty"`
	Environment string       `json:"environment,omitzero"`
	Plan        *client.Plan `json:"plan"`
}

const planVersion = 1

// Run implements the command.
func (c *planCommand) Run(ctx context.Context, a *app) error {
	form, err := a.formOf(c.JSON, c.Markdown, c.Format)
	if err != nil {
		return err
	}
	c.form = form
	from, in, err := c.read(a)
	if err != nil {
		return err
	}
	in.AllowMoved = in.AllowMoved || c.AllowMovedSecrets
	in.AllowWeakening = append(in.AllowWeakening, c.AllowWeakening...)
	if in.Keep = c.Keep; c.Message != "" {
		in.Message = c.Message
	}
	watch := a.progress()
	to, ctx, cancel, err := c.onProject(ctx, watch)
	if err != nil {
		return err
	}
	defer cancel()
	plan, err := to.Plan(ctx, in)
	watch.end()
	if err != nil {
		return err
	}
	if plan.Page != "" {
		plan.Page = strings.TrimSuffix(c.URL, "/") + plan.Page
	}
	if c.Out != "" && plan.Digest != "" {
		kept := planFile{planVersion, c.Project, c.Source, in.Excludes, in.Strict, in.AllowMoved, in.AllowWeakening, in.Environment, plan}
		if err := writeWhole(c.Out, 0o600, func(w io.Writer) error {
			return json.MarshalWrite(w, kept, json.Deterministic(true), jsontext.WithIndent("  "))
		}); err != nil {
			return err
		}
	}
	if err := c.print(a, from, plan); err != nil {
		return err
	}
	switch {
	case !plan.OK && form != "text" && form != "markdown": // what was printed says why
		if err := c.template(plan.Missing); err != nil {
			return err
		}
		return errRefused
	case !plan.OK && plan.Digest != "":
		return c.refuse(a, from, &client.Validation{Details: plan.Details}, c.awaits())
	case !plan.OK:
		return c.refuse(a, from, &client.Validation{Details: plan.Details, Missing: plan.Missing}, "The files would be refused.")
	case c.ExitCode && plan.Changed:
		return errChanges
	}
	return nil
}

// awaits says what a plan needs that only lacks leave.
func (c *planCommand) awaits() string {
	file := c.Out
	if file == "" {
		file = "the file that --out writes"
	}
	how := "postern project approve, with " + escaped(file)
	if c.Keep {
		how += ", or at the address above"
	}
	return "The plan can be applied once it is approved with another key: " + how + "."
}

func (c *planCommand) print(a *app, from *local, plan *client.Plan) error {
	switch c.form {
	case "json":
		return a.printJSON(plan)
	case "markdown":
		return writeMarkdown(a.stdout, plan)
	case "sarif":
		return a.printJSON(sarifOf(from, planFindings(from.upload.Files, plan)))
	}
	a.report(from, plan.Warnings)
	none := "No file would change."
	if plan.Digest == "" {
		none = "What it would change is not known while there are errors."
	}
	if err := a.printDifferences(plan.Changes, c.detail, none); err != nil {
		return err
	}
	a.tellEffects(plan.Effects)
	a.tellSecrets(plan.Secrets)
	for _, r := range plan.Rebound {
		fmt.Fprintf(a.stderr, "%s.\n", printable(reboundText(r)))
	}
	for _, text := range plan.Left.Says() {
		fmt.Fprintln(a.stderr, printable(text))
	}
	if plan.Digest == "" {
		return nil
	}
	if !plan.Changed {
		fmt.Fprintf(a.stderr, "The project is so already: revision %d.\n", plan.Base.Revision)
	}
	fmt.Fprintf(a.stderr, "Plan %s over revision %d.\n", escaped(plan.Digest), plan.Base.Revision)
	if plan.Page != "" {
		fmt.Fprintf(a.stderr, "It is kept for seven days, to be looked at and approved at\n  %s\n", escaped(plan.Page))
	}
	a.tellApprovals(plan.Approved)
	return nil
}

// tellEffects says what a plan does as a whole.
func (a *app) tellEffects(list []snapshot.Effect) {
	for _, e := range list {
		fmt.Fprintf(a.stderr, "%s %s\n", a.paint(yellow, "note:"), printable(e.Message))
	}
}

// tellSecrets says what becomes of the secrets, but for those that stay.
func (a *app) tellSecrets(list []client.PlannedSecret) {
	same := 0
	for _, s := range list {
		if s.State == "same" {
			same++
			continue
		}
		fmt.Fprintf(a.stderr, "%s %s\n", a.paint(yellow, "secret:"), printable(secretText(s)))
	}
	if same > 0 {
		fmt.Fprintf(a.stderr, "%s %s.\n", plural(same, "secret"), pickWord(same, "stays as it is", "stay as they are"))
	}
}

func secretText(s client.PlannedSecret) string {
	name := s.Name
	if name == "" {
		name = s.ID
	}
	return fmt.Sprintf("%s of the %s %q %s", s.Field, snapshot.KindWords(s.Kind), name, project.SecretState(s.State).Words())
}

func reboundText(r snapshot.Rebound) string {
	if r.New {
		return fmt.Sprintf("The %s %s gets the id %s; that of the files, %s, is another's in the project", r.Kind, quote(r.Name), r.To, r.From)
	}
	return fmt.Sprintf("The %s %s keeps its id %s; the files call it %s", r.Kind, quote(r.Name), r.To, r.From)
}

func pickWord(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
