package cli

import (
	"context"
	"fmt"
	"slices"

	"postern/internal/client"
	"postern/internal/project"
	"postern/internal/signature"
)

// policyCommand shows and changes what imports may not do.
type policyCommand struct {
	Protect     []string `help:"Let no import or rollback change this: an exclude key, or an entity as KIND:NAME with one of the kinds ${kinds}; may be repeated." placeholder:"WHAT" sep:"none"`
	Unprotect   []string `help:"Let this be changed again; may be repeated." placeholder:"WHAT" sep:"none"`
	MaxRemovals *int     `help:"How many entities and files one import may remove." placeholder:"N"`
	AnyRemovals bool     `help:"Let an import remove any number."`
	Weakening   string   `help:"What it takes to weaken security: allow (nothing), leave (--allow-weakening, or an approval) or approval (of the plan, with another key)." placeholder:"WHAT"`

	Signer        []string `help:"Trust what this key signs; a name and a public key as NAME=KEY; may be repeated." placeholder:"NAME=KEY" sep:"none"`
	RemoveSigner  []string `help:"Trust what the signer of this name signs no longer; may be repeated." placeholder:"NAME" sep:"none"`
	RequireSigned bool     `help:"Take only snapshots that a trusted key signed." xor:"signed"`
	AllowUnsigned bool     `help:"Take snapshots that nobody signed, too." xor:"signed"`
	connection
}

// Help implements kong.HelpProvider.
func (policyCommand) Help() string {
	return `Shows the policy of the project, or changes it. The policy is kept on the server with the project and is no part of what is
exported or imported: files from another environment cannot loosen it. A plan says what it does not allow. Changing it needs an
admin key.

What is protected can be left out of an import with --exclude.

Where only signed snapshots are taken, an import whose files a trusted key did not sign is refused, and so are infrastructure as code
and a rollback to a revision that was not signed by a key that is trusted now.

Examples:

    postern project policy
    postern project policy --protect project.domain --protect "connector:Mail" --max-removals 5
    postern project policy --weakening approval
    postern project policy --unprotect project.domain --any-removals
    postern project policy --signer "release=$(postern sign public release.key)" --require-signed`
}

// Run implements the command.
func (c *policyCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	if c.MaxRemovals != nil && (*c.MaxRemovals < 0 || c.AnyRemovals) {
		return usage("--max-removals 5 allows five; --any-removals any number", "the number of removals makes no sense")
	}
	if c.Weakening != "" && !slices.Contains(project.Weakenings, project.Weakening(c.Weakening)) {
		return usage(fmt.Sprintf("it is one of %q", project.Weakenings), "--weakening cannot be %q", c.Weakening)
	}
	p, err := to.Policy(ctx)
	if err != nil {
		return err
	}
	if c.changes() {
		if p, err = c.changed(p); err != nil {
			return err
		}
		if p, err = to.SetPolicy(ctx, p); err != nil {
			return err
		}
	}
	if c.JSON {
		return a.printJSON(p)
	}
	for _, what := range p.Protected {
		fmt.Fprintf(a.stdout, "protected  %s\n", escaped(what))
	}
	if p.MaxRemovals != nil {
		fmt.Fprintf(a.stdout, "removals   %d at most\n", *p.MaxRemovals)
	}
	if p.Weakening != string(project.Allow) && p.Weakening != "" {
		fmt.Fprintf(a.stdout, "weakening  needs %s\n", escaped(p.Weakening))
	}
	for _, s := range p.Signers {
		fmt.Fprintf(a.stdout, "signer     %s %s\n", escaped(s.Name), escaped(string(s.Key)))
	}
	if p.RequireSigned {
		fmt.Fprintln(a.stdout, "signed     only what one of the signers signed")
	}
	if len(p.Protected)+len(p.Signers) == 0 && p.MaxRemovals == nil && p.Weakening == string(project.Allow) {
		fmt.Fprintln(a.stderr, "The project has no policy: imports may change, remove and weaken everything.")
	}
	return nil
}

func (c *policyCommand) changes() bool {
	return len(c.Protect)+len(c.Unprotect)+len(c.Signer)+len(c.RemoveSigner) > 0 || c.MaxRemovals != nil || c.AnyRemovals || c.Weakening != "" || c.RequireSigned || c.AllowUnsigned
}

func (c *policyCommand) changed(p client.Policy) (client.Policy, error) {
	p.Protected = slices.DeleteFunc(append(slices.Clone(p.Protected), c.Protect...), func(what string) bool { return slices.Contains(c.Unprotect, what) })
	if c.MaxRemovals != nil {
		p.MaxRemovals = c.MaxRemovals
	}
	if c.Weakening != "" {
		p.Weakening = c.Weakening
	}
	if c.AnyRemovals {
		p.MaxRemovals = nil
	}
	more, err := readSigners(c.Signer, true)
	for _, name := range c.RemoveSigner {
		if !slices.ContainsFunc(p.Signers, func(s signature.Signer) bool { return s.Name == name }) {
			return p, usage("postern project policy shows them", "the policy names no signer %q", name)
		}
	}
	p.Signers = slices.DeleteFunc(append(slices.Clone(p.Signers), more...), func(s signature.Signer) bool { return slices.Contains(c.RemoveSigner, s.Name) })
	p.RequireSigned = (p.RequireSigned || c.RequireSigned) && !c.AllowUnsigned
	return p, err
}
