package cli

import (
	"cmp"
	"fmt"
	"maps"

	"postern/internal/snapshot"
)

// diffCommand says what an import would change.
type diffCommand struct {
	From string `arg:"" help:"Folder, .zip or .json file that stands for the project as it is."`
	To   string `arg:"" help:"Folder, .zip or .json file to import, or - for the JSON of the API on stdin."`
	detail
	JSON   bool   `help:"Print the result as JSON."`
	Format string `help:"How to say it: text, json, markdown (for a comment on a pull request) or sarif." enum:"text,json,markdown,sarif" default:"text" placeholder:"FORMAT"`

	Environment string `help:"Environment whose values the placeholders in the files get: the name of a file in environments/." placeholder:"NAME"`
}

// Help implements kong.HelpProvider.
func (diffCommand) Help() string {
	return `Says what an import of the second snapshot would change in a project that is as the first one: by section, entity and
field. What an import does is taken into account: entities are matched by name and keep their ids, a section that the
second one does not have stays as it is.

Secrets are never shown, only that they change.

What weakens security is said below each change, with a code; "look" is what a person should look at, as nobody else can tell.

As SARIF, each change that weakens security or may do so, and each removal, is an annotation of the files of the second one.

Exits with 0 where nothing would change, and with 2 where something would, or where one of the two would be refused.

Examples:

    postern diff production staging
    postern diff production staging --json | jq '.differences[].section'
    git worktree add /tmp/main main && postern diff /tmp/main/config config`
}

// Run implements the command.
func (c *diffCommand) Run(a *app) (err error) {
	if c.Format, err = a.formOf(c.JSON, false, c.Format); err != nil {
		return err
	}
	from, err := a.readLocal(c.From)
	if err != nil {
		return err
	}
	to, err := a.readLocal(c.To)
	if err != nil {
		return err
	}
	return c.compare(a, from, to)
}

// compare says what an import of one snapshot would change in the other.
func (c *diffCommand) compare(a *app, from, to *local) error {
	from.forEnvironment(c.Environment)
	to.forEnvironment(c.Environment)
	files := maps.Clone(to.upload.Files) // the comparison takes them over
	found, target, outcome, err := snapshot.CompareImport(from.upload, to.upload)
	switch {
	case err != nil:
		return err
	case c.Format == "sarif":
		return c.annotate(a, from, to, files, found, target, outcome)
	case target.Failed():
		a.showProblems(from, target.Problems)
		fmt.Fprintf(a.stderr, "%s is no project that one could import into.\n", printable(c.From))
		return errRefused
	case outcome.Failed():
		a.showProblems(to, outcome.Problems)
		fmt.Fprintf(a.stderr, "%s would be refused.\n", printable(c.To))
		return errRefused
	}
	return c.tell(a, found)
}

// annotate writes what should be looked at, or why one of the two is refused.
func (c *diffCommand) annotate(a *app, from, to *local, files snapshot.Files, found *snapshot.Comparison, target, outcome *snapshot.Outcome) error {
	if target.Failed() {
		return cmp.Or(a.printJSON(sarifOf(from, problemFindings(target.Problems))), errRefused)
	}
	list, ends := problemFindings(outcome.Problems), errRefused
	if found != nil {
		find := snapshot.NewFinder(files)
		list = append(list, changeFindings(find, found.Differences)...)
		list = append(list, missingFindings(find, found.Missing)...)
		ends = nil
		if len(found.Differences) > 0 {
			ends = errDifferent
		}
	}
	return cmp.Or(a.printJSON(sarifOf(to, list)), ends)
}

// tell prints what was found, and ends the command with what it exits with.
func (c *diffCommand) tell(a *app, found *snapshot.Comparison) (err error) {
	switch c.Format {
	case "markdown":
		err = writeMarkdownDiff(a.stdout, found.Differences)
	case "json":
		err = a.printJSON(struct {
			Same        bool                   `json:"same"`
			Differences []snapshot.Difference  `json:"differences"`
			Missing     map[string][]secretRef `json:"missingSecrets"`
		}{len(found.Differences) == 0, found.Differences, refs(found.Missing)})
	default:
		err = c.print(a, found)
	}
	if err == nil && len(found.Differences) > 0 {
		return errDifferent
	}
	return err
}

// A secretRef names a secret without its value.
type secretRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

func refs(list []snapshot.MissingSecret) map[string][]secretRef {
	out := map[string][]secretRef{}
	for _, m := range list {
		out[m.Group] = append(out[m.Group], secretRef{m.ID, m.Name, m.Type})
	}
	return out
}

// fewFields is how many fields of an entity are shown unless all are wanted.
const fewFields = 12

// print writes the differences for people, and what the import would need.
func (c *diffCommand) print(a *app, found *snapshot.Comparison) error {
	err := a.printDifferences(found.Differences, c.detail, "Nothing would change.")
	for _, m := range found.Missing {
		fmt.Fprintf(a.stderr, "%s %s\n", a.paint(yellow, "needed:"), printable(neededText(m)))
	}
	return err
}

func neededText(m snapshot.MissingSecret) string {
	return fmt.Sprintf("the %s of %q, which a snapshot does not hold", m.Type, m.Name)
}

// effects writes what a difference does beyond itself, below it.
func (p *paper) effects(d snapshot.Difference, indent string) {
	for _, e := range d.Effects {
		p.line("%s%s %s", indent, p.paint(yellow, "touches:"), printable(e.Message))
	}
}

func same(a, b snapshot.Difference) bool {
	return a.File == b.File && a.Kind == b.Kind && a.ID == b.ID && a.Field != ""
}

func sectionTitle(name string) string {
	for _, s := range snapshot.Sections {
		if s.Name == name {
			return s.Title
		}
	}
	return "Files that no section has"
}

// heading writes the line of an entity, or of a file without one.
func (p *paper) heading(d snapshot.Difference) {
	sign := p.sign(d.Action)
	if d.Field != "" {
		sign = p.sign(snapshot.Changed)
	}
	if d.Kind == "" {
		p.line("  %s %s", sign, printable(d.File))
		return
	}
	where := d.File
	if d.Was != "" {
		where = d.Was + " → " + d.File
	}
	p.line("  %s %s %s", sign, printable(subjectText(d)), p.paint(faint, "("+printable(where)+")"))
}

// subjectText names the entity of a difference, or its file.
func subjectText(d snapshot.Difference) string {
	switch {
	case d.Kind == "":
		return d.File
	case d.Name == "":
		return d.Kind + " " + d.ID
	default:
		return d.Kind + " " + quote(d.Name)
	}
}

func quote(s string) string { return `"` + s + `"` }
