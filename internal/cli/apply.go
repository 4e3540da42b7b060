package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/client"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// applyCommand does what a plan says.
type applyCommand struct {
	Plan          string `arg:"" help:"File that postern project plan --out wrote." type:"existingfile"`
	Source        string `arg:"" optional:"" help:"Where the files are now, if not where they were."`
	Message       string `short:"m" help:"Why, for the history of the project." placeholder:"TEXT"`
	SecretsInput  string `help:"File with the secrets that the plan was made with." placeholder:"FILE"`
	ConfirmWithin string `help:"Go back by itself after this time, from 10s to 24h, unless postern project confirm comes first." placeholder:"TIME"`
	connection
}

// Help implements kong.HelpProvider.
func (applyCommand) Help() string {
	return `Reads the files again and imports them, if that does exactly what the plan says. Where the project, a file, a secret or
an option changed since, nothing is applied, and what changed is said: make the plan again, and look at it.

Exits with 2 where the files are refused, and with 1 where they are not what was planned.

Examples:

    postern project plan config/identity --out plan.json
    postern project apply plan.json -m "longer passwords" --confirm-within 10m`
}

// Run implements the command.
func (c *applyCommand) Run(ctx context.Context, a *app) error {
	kept, err := readPlan(c.Plan)
	if err != nil {
		return err
	}
	with := importCommand{Message: c.Message, ConfirmWithin: c.ConfirmWithin, AllowMovedSecrets: kept.Moved, leave: leave{kept.Meant}, Plan: kept.Plan.Digest}
	with.upload = upload{Source: kept.Source, Exclude: kept.Excludes, SecretsInput: c.SecretsInput, Strict: kept.Strict, Environment: kept.Environment, connection: c.connection}
	if c.Source != "" {
		with.Source = c.Source
	}
	if with.Project == "" {
		with.Project = kept.Project
	}
	if with.Project != kept.Project {
		return usage("a plan is for one project", "the plan is for the project %s, and not for %s", kept.Project, with.Project)
	}
	err = with.Run(ctx, a)
	if said, ok := errors.AsType[*client.Error](err); ok && said.Code == project.ErrPlanned.Code {
		c.explain(ctx, a, &with, kept.Plan)
	}
	return err
}

// explain says what is not as it was planned, as far as another plan tells.
func (c *applyCommand) explain(ctx context.Context, a *app, with *importCommand, was *client.Plan) {
	if with.Source == "-" {
		return // it can be read once only
	}
	_, in, err := with.read(a)
	if err != nil {
		return // the files were read a moment ago; the conflict is what matters
	}
	in.AllowMoved, in.AllowWeakening = with.AllowMovedSecrets, with.AllowWeakening
	to, ctx, cancel, err := with.onProject(ctx, nil)
	if err != nil {
		return
	}
	defer cancel()
	now, err := to.Plan(ctx, in)
	if err != nil {
		return
	}
	for _, line := range whatMoved(was, now) {
		fmt.Fprintln(a.stderr, printable(line))
	}
}

// whatMoved says in what two plans of the same thing differ.
func whatMoved(was, now *client.Plan) []string {
	if was.Base != now.Base {
		return []string{fmt.Sprintf("The project changed: the plan was made over revision %d, and it is at revision %d now.", was.Base.Revision, now.Base.Revision)}
	}
	var out []string
	if was.Result != now.Result {
		out = append(out, "The files changed since the plan was made, or what is left out did"+list(otherFiles(was.Changes, now.Changes))+".")
	}
	then := map[client.PlannedSecret]bool{}
	for _, s := range was.Secrets {
		then[s] = true
	}
	for _, s := range now.Secrets {
		if !then[s] {
			out = append(out, "A secret is not as planned: the "+secretText(s)+".")
		}
	}
	if len(out) == 0 {
		out = append(out, "The project and the files are as planned: a secret has another value, or an option or the policy of the project is another.")
	}
	return out
}

// otherFiles are those of which two plans say different things.
func otherFiles(was, now []snapshot.Difference) []string {
	count := map[string]int{}
	for sign, list := range map[int][]snapshot.Difference{1: was, -1: now} {
		for _, d := range list {
			d.Effects = nil // what they touch may be other data by now, and the files the same
			text, err := json.Marshal(d, json.Deterministic(true))
			if err == nil {
				count[d.File+"\n"+string(text)] += sign
			}
		}
	}
	var out []string
	for key, n := range count {
		if file, _, _ := strings.Cut(key, "\n"); n != 0 && !slices.Contains(out, file) {
			out = append(out, file)
		}
	}
	slices.Sort(out)
	return out
}

// list writes a few names, after a colon, and how many more there are.
func list(names []string) string {
	const most = 8
	if len(names) == 0 {
		return ""
	}
	more := ""
	if n := len(names); n > most {
		names, more = names[:most], fmt.Sprintf(" and %d more", n-most)
	}
	return ": " + strings.Join(names, ", ") + more
}

func readPlan(path string) (*planFile, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	kept := &planFile{}
	if err := json.Unmarshal(b, kept); err != nil || kept.Version != planVersion || kept.Plan == nil || kept.Plan.Digest == "" {
		return nil, usage("it must be what postern project plan --out wrote", "%s holds no plan", path)
	}
	return kept, nil
}
