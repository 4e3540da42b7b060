package cli

import (
	"context"
	"fmt"

	"postern/internal/snapshot"
)

// exportCommand writes the configuration of a project to files.
type exportCommand struct {
	Target   string         `arg:"" optional:"" default:"snapshot" help:"Folder, .zip or .json file to write, or - for the JSON of the API on stdout (default: ${default})."`
	NoAssets bool           `help:"Leave images and long texts inside the documents."`
	Revision revisionNumber `help:"Number of an older revision to write; postern project log shows them." placeholder:"N"`
	Prune    bool           `help:"Remove files of an older export that this one does not have."`

	Environment string `help:"Environment that the project is: where a value is still that of the environment, the placeholder in the folder is put back." placeholder:"NAME"`
	connection
}

// Help implements kong.HelpProvider.
func (exportCommand) Help() string {
	return `An export holds no secrets. The same configuration gives the same files, so it is fit for version control.

Files in the folder that the export does not have are listed: the next import would bring them back. --prune removes
them. Files that can not be part of a snapshot are never touched.

A folder with placeholders keeps them: --environment says which environment the project is. Where the project has another value
than the environment, the value is written, and that is said.

Examples:

    postern project export
    postern project export config/identity --prune
    postern project export config/identity --environment staging
    postern project export backup.zip
    postern project export older --revision 41
    postern project export - | jq '.files["project.json"]'`
}

// An exported result is what --json prints.
type exported struct {
	Files   int              `json:"files"`
	Digest  string           `json:"digest,omitzero"`
	Stale   []string         `json:"stale"`
	Pruned  []string         `json:"pruned"`
	LeftOut []string         `json:"leftOut"`
	Lost    []snapshot.Place `json:"lostPlaceholders,omitempty"`
}

// Run implements the command.
func (c *exportCommand) Run(ctx context.Context, a *app) error {
	if c.JSON && carrierOf(c.Target) == stream {
		return usage("name a folder, a .zip or a .json file", "--json and - both write to stdout")
	}
	if err := checkTarget(c.Target); err != nil {
		return err
	}
	template, err := c.templateIn(a)
	if err != nil {
		return err
	}
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	format := snapshot.FormatSplit
	if c.NoAssets {
		format = snapshot.FormatPlain
	}
	watch := a.progress()
	watch.say("Reading the project …")
	got, err := to.Export(ctx, format, int64(c.Revision))
	watch.end()
	if err != nil {
		return err
	}
	if len(got.Problems) > 0 {
		a.report(&local{name: func(file string) string { return file }}, got.Problems)
		return fmt.Errorf("the server sent files that cannot be read; nothing was written")
	}
	var lost []snapshot.Place
	if template != nil {
		lost = snapshot.Restore(got.Files, template)
	}
	leftOut, err := a.writeLocal(c.Target, got.Files)
	if err != nil {
		return err
	}
	rememberBase(c.Project, c.Target, known{Revision: got.Revision, Digest: got.Digest})
	out := exported{Files: len(got.Files) - len(leftOut), Digest: got.Digest, LeftOut: leftOut, Lost: lost}
	if carrierOf(c.Target) == folder && len(got.Files) > 0 {
		if out.Stale, err = stale(c.Target, got.Files); err != nil {
			return err
		}
	}
	if c.Prune && len(out.Stale) > 0 {
		if err := prune(c.Target, out.Stale); err != nil {
			return err
		}
		out.Stale, out.Pruned = nil, out.Stale
	}
	return c.tell(a, out)
}

func (c *exportCommand) tell(a *app, out exported) error {
	switch {
	case c.JSON:
		return a.printJSON(out)
	case carrierOf(c.Target) == stream:
		return nil
	}
	fmt.Fprintf(a.stderr, "Wrote %s to %s.\n", plural(out.Files, "file"), c.Target)
	a.tellLost(out.Lost)
	a.tellLeftOut(out.LeftOut, "use postern project export - for all")
	for _, file := range out.Pruned {
		fmt.Fprintf(a.stderr, "%s %s\n", a.paint(red, "removed:"), escaped(file))
	}
	for _, file := range out.Stale {
		fmt.Fprintf(a.stderr, "%s %s\n", a.paint(yellow, "stale:"), escaped(file))
	}
	if len(out.Stale) > 0 {
		fmt.Fprintln(a.stderr, "The project does not have these any more, and an import of the folder would bring them back. --prune removes them.")
	}
	return nil
}
