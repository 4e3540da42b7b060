package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"postern/internal/client"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// statusCommand says how files and a project drifted apart.
type statusCommand struct {
	upload
	Base string `help:"Number of the revision that the files come from, where nothing else tells." placeholder:"REVISION"`
	All  bool   `help:"Show every change, however many an entity has."`
}

// Help implements kong.HelpProvider.
func (statusCommand) Help() string {
	return `Compares three things: the files, the project as it is now, and the revision that the files come from, their base. Says of
each thing in which files and project differ who changed it since: the files, or the server, and then the revision that did
it last, whose key that was, when and why. Changes nothing. No secret is shown or opened: one that --secrets-input brings is
compared by its fingerprint.

The base is the newest revision of which it is known that the files were it: that of the last export to this path or import
from it on this machine, or one whose commit the files in git are made of. Where neither tells, it is the newest one that is
what the files are now. --base names another.

Exits with

    0  in sync: an import would change nothing
    3  ahead: only the files changed, and an import brings that to the server
    4  behind: only the server changed, and an import would take that back
    5  diverged: both changed
    1  it could not be found out
    2  the files would be refused, or the command cannot be understood

Examples:

    postern project status config/identity
    postern project status config/identity --base 41
    postern project status --json | jq '.fields[] | select(.changedIn != "files") | .by.author.name'
    postern project status config/identity; test $? -eq 3 && postern project import config/identity`
}

// driftExit ends a command with what its exit code says.
type driftExit int

// Error implements error. Nobody reads it.
func (e driftExit) Error() string { return "the exit code says it: " + strconv.Itoa(int(e)) }

// driftExits are what a status exits with.
var driftExits = map[project.DriftState]driftExit{
	project.InSync: exitDone, project.Ahead: exitAhead, project.Behind: exitBehind, project.Diverged: exitDiverged,
}

// Run implements the command.
func (c *statusCommand) Run(ctx context.Context, a *app) error {
	from, in, err := c.read(a)
	if err != nil {
		return err
	}
	watch := a.progress()
	to, ctx, cancel, err := c.onProject(ctx, watch)
	if err != nil {
		return err
	}
	defer cancel()
	how := baseNamed
	if c.Base == "" {
		in.Base, how, err = findBase(ctx, to, c.Project, c.Source)
	} else if in.Base, err = strconv.ParseInt(strings.TrimPrefix(c.Base, "@"), 10, 64); err != nil || in.Base <= 0 {
		err = usage("--base 41 is the revision 41; postern project log shows them", "there is no revision %q", c.Base)
	}
	if err != nil {
		return err
	}
	d, err := to.Drift(ctx, in)
	watch.end()
	if said, ok := errors.AsType[*client.Error](err); ok && said.Code == project.ErrNoBase.Code {
		said.Hint = "--base 41 says that it is the revision 41; postern project log shows them, and postern project diff compares without one"
	}
	if err != nil {
		return err
	}
	if c.JSON {
		err = a.printJSON(struct {
			*client.Drift
			BaseFrom string `json:"baseFrom"` // how the base was found
		}{d, how})
	} else if d.State == "" {
		return c.refuse(a, from, &client.Validation{Details: d.Details, Missing: d.Missing}, "The files would be refused, so nobody knows what they are ahead or behind of.")
	} else {
		err = c.print(a, from, d, how)
	}
	if err != nil {
		return err
	}
	exit, ok := driftExits[project.DriftState(d.State)]
	switch {
	case !ok:
		return errRefused
	case exit == exitDone:
		return nil
	}
	return exit
}

// stateText says in a sentence what a state means.
func stateText(d *client.Drift) string {
	switch project.DriftState(d.State) {
	case project.InSync:
		return fmt.Sprintf("In sync with revision %d.", d.Head.Revision)
	case project.Ahead:
		if d.Head.Revision == 0 {
			return "Ahead: nothing was imported into the project yet."
		}
		return fmt.Sprintf("Ahead of revision %d: what differs was changed in the files.", d.Head.Revision)
	case project.Behind:
		return fmt.Sprintf("Behind revision %d: what differs was changed on the server since revision %d.", d.Head.Revision, d.Base.Revision)
	case project.Diverged:
		return fmt.Sprintf("Diverged: since revision %d the files were changed, and the server, which is at revision %d.", d.Base.Revision, d.Head.Revision)
	default:
		return d.State // of a newer server
	}
}

// baseWords say how a base was found.
var baseWords = map[string]string{
	baseNamed: "as --base says", baseRemembered: "as this machine remembers", baseCommit: "as their commit says", baseDigest: "by their digest",
}

func (c *statusCommand) print(a *app, from *local, d *client.Drift, how string) error {
	a.report(from, d.Warnings)
	p := a.paper()
	color := map[project.DriftState]string{project.InSync: green, project.Diverged: red}[project.DriftState(d.State)]
	if color == "" {
		color = yellow
	}
	p.line("%s", p.paint(color, printable(stateText(d))))
	section, entity := "\x00", ""
	for _, f := range d.Fields {
		if f.Section != section {
			section, entity = f.Section, ""
			p.line("\n%s", p.paint(bold, sectionTitle(f.Section)))
		}
		if who := f.File + "\x00" + f.Kind + "\x00" + f.ID; who != entity {
			entity = who
			p.heading(snapshot.Difference{File: f.File, Kind: f.Kind, ID: f.ID, Name: f.Name, Action: snapshot.Changed})
		}
		p.drifted(f, c.All)
	}
	if len(d.Secrets) > 0 {
		p.line("\n%s", p.paint(bold, "Secrets"))
	}
	for _, s := range d.Secrets {
		p.line("  %s", printable(secretDrift(s)))
		p.by(s.By)
	}
	if err := p.flush(); err != nil {
		return err
	}
	if d.State != string(project.InSync) && d.Base.Revision > 0 {
		fmt.Fprintf(a.stderr, "\nThe files come from revision %d, %s.\n", d.Base.Revision, baseWords[how])
	}
	if n := len(d.Details); n > 0 {
		fmt.Fprintf(a.stderr, "An import would be refused now, with %s: postern project validate shows them.\n", plural(n, "error"))
	}
	a.tellPending(d.Pending)
	return nil
}

// drifted writes what both sides did to one thing.
func (p *paper) drifted(f client.Drifted, all bool) {
	say := func(side string, list []snapshot.Difference) {
		for i, o := range list {
			if i == fewFields && !all {
				p.line("      %s … and %s (--all shows them)", side, plural(len(list)-i, "more change"))
				return
			}
			p.line("      %s %s %s", side, p.sign(o.Action), didText(o))
		}
	}
	if f.Side != string(project.SideFiles) {
		say("server", f.ServerDid)
		p.by(f.By)
	}
	if f.Side != string(project.SideServer) {
		say("files ", f.FilesDid)
	}
}

// didText says what one side did.
func didText(o snapshot.Difference) string {
	if o.Field != "" {
		return fieldText(o)
	}
	return map[snapshot.Action]string{snapshot.Created: "is new", snapshot.Removed: "is removed"}[o.Action]
}

// by writes which revision it was.
func (p *paper) by(r *client.Revision) {
	if r == nil {
		return
	}
	text := fmt.Sprintf("revision %d, %s, %s, %s", r.Number, authorText(r.Author), timeText(r.CreatedTime), r.Kind)
	if r.Message != "" {
		text += ": " + firstLine(r.Message)
	}
	p.line("               %s", p.paint(faint, escaped(text)))
}

// secretDrift says how a secret drifted.
func secretDrift(s client.DriftedSecret) string {
	text := secretText(client.PlannedSecret{Kind: s.Kind, ID: s.ID, Name: s.Name, Field: s.Field, State: s.State})
	if s.State == string(project.SecretSame) {
		return fmt.Sprintf("%s of the %s %q has another value on the server, which an import leaves", s.Field, snapshot.KindWords(s.Kind), nameOr(s))
	}
	return text + map[string]string{
		string(project.SideServer): ": it was changed on the server", string(project.SideBoth): ": it was changed on the server, and in the files",
	}[s.Side]
}

func nameOr(s client.DriftedSecret) string {
	if s.Name == "" {
		return s.ID
	}
	return s.Name
}
