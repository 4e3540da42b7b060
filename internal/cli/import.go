package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/internal/client"
	"postern/internal/ident"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// upload is what imports and validations have in common.
type upload struct {
	Source        string   `arg:"" optional:"" default:"snapshot" help:"Folder, .zip or .json file to read, or - for the JSON of the API on stdin (default: ${default})."`
	Exclude       []string `help:"Leave this part of the project as it is; may be repeated. One of: ${excludes}." placeholder:"KEY"`
	SecretsInput  string   `help:"File with the secrets that the files do not hold." placeholder:"FILE"`
	SecretsOutput string   `help:"File to write a template to, for the secrets that are missing." placeholder:"FILE"`
	Strict        bool     `help:"Take unknown keys and files for errors."`
	Environment   string   `help:"Environment whose values the placeholders in the files get: the name of a file in environments/." placeholder:"NAME"`
	connection

	form string // of what a command prints beside text, where it has several
}

// leave is what an import may do that the policy of a project asks about.
type leave struct {
	AllowWeakening []string `help:"Weaken security in this way, where the policy of the project asks for leave: the code of a risk; may be repeated." placeholder:"CODE" sep:"none"`
}

// importCommand imports files.
type importCommand struct {
	upload
	Message           string `short:"m" help:"Why, for the history of the project." placeholder:"TEXT"`
	IfMatch           string `help:"Import only if the project is still at the revision with this digest." placeholder:"DIGEST"`
	ConfirmWithin     string `help:"Go back by itself after this time, from 10s to 24h, unless postern project confirm comes first." placeholder:"TIME"`
	Plan              string `help:"Import only if that does exactly what the plan with this digest says." placeholder:"DIGEST"`
	IdempotencyKey    string `help:"A key of your choice: the same import sent again with it within 24 hours is one import." placeholder:"KEY"`
	AllowMovedSecrets bool   `help:"Send stored secrets to their new destinations, where the files change these. Needs an admin key."`
	leave
}

// Help implements kong.HelpProvider.
func (importCommand) Help() string {
	return `All files are checked first; then all of them become the configuration of the project at once, or none does. A
section that the files do not have stays as it is. Importing the same files again changes nothing.

One folder serves several environments where it has placeholders: the text ${environment.NAME} stands for the value of NAME in
environments/ENVIRONMENT.json, and --environment says which one that is.

Secrets that the project has already are kept. New ones come from --secrets-input, in the form that --secrets-output
writes.

Exits with 2 where the files are refused, and with 1 where they could not be imported.

Examples:

    postern project import
    postern project import config/identity --message "longer passwords" --secrets-input secrets.json
    postern project import --confirm-within 10m && ./try-signing-in && postern project confirm
    postern project import config/identity --environment staging
    postern project import backup.zip --exclude connectors --exclude project.domain
    postern project export - | postern project import - --project P2aAc4T2V93bddihGEx2Ryhc8e5Z`
}

// Run implements the command.
func (c *importCommand) Run(ctx context.Context, a *app) error {
	from, in, err := c.read(a)
	if err != nil {
		return err
	}
	if c.Message != "" {
		in.Message = c.Message
	}
	in.IfMatch, in.AllowMoved = c.IfMatch, in.AllowMoved || c.AllowMovedSecrets
	in.Plan, in.AllowWeakening = c.Plan, append(in.AllowWeakening, c.AllowWeakening...)
	if c.ConfirmWithin != "" {
		in.Within = c.ConfirmWithin
	}
	if in.Source == (snapshot.Source{}) {
		in.Source = gitSource(ctx, c.Source)
	}
	watch := a.progress()
	to, ctx, cancel, err := c.onProject(ctx, watch)
	if err != nil {
		return err
	}
	defer cancel()
	if in.Key = c.IdempotencyKey; in.Key == "" {
		in.Key = ident.Random(22)
	}
	res, err := to.Import(ctx, in)
	watch.end()
	if err != nil {
		res, err = a.askAgain(ctx, to, in.Key, err)
	}
	if refused, ok := errors.AsType[*client.Error](err); ok && (len(refused.Details) > 0 || refused.Missing.Count() > 0) {
		return c.refuse(a, from, &client.Validation{
			Failures: []string{refused.Error()}, Details: refused.Details, Missing: refused.Missing,
		}, "Nothing was imported.")
	}
	if err != nil {
		return err
	}
	rememberBase(c.Project, c.Source, known{Revision: res.Revision, Digest: res.Digest})
	if c.JSON {
		return a.printJSON(struct {
			OK bool `json:"ok"`
			*client.ImportResult
			Warnings []located `json:"warnings"`
		}{true, res, from.locateAll(res.Warnings)})
	}
	a.report(from, res.Warnings)
	a.tellImport(res, len(in.Files))
	return nil
}

// askAgain finds out what became of an import whose answer did not come. What the
// server said itself stays as it is.
func (a *app) askAgain(ctx context.Context, to *client.Client, key string, err error) (*client.ImportResult, error) {
	if said, ok := errors.AsType[*client.Error](err); ok && said.Code != store.ErrOutcomeUnknown.Code || ctx.Err() != nil {
		return nil, err
	}
	res, unanswered := to.Imported(ctx, key)
	if unanswered != nil {
		return nil, err
	}
	fmt.Fprintf(a.stderr, "The answer did not come (%s), but the import was applied.\n", printable(err.Error()))
	return res, nil
}

// validateCommand checks files.
type validateCommand struct {
	upload
}

// Help implements kong.HelpProvider.
func (validateCommand) Help() string {
	return `Does what an import does, but for the last step: it says what the import would refuse, and changes nothing.

Exits with 2 where the files would be refused.

Examples:

    postern project validate
    postern project validate config/identity --secrets-output missing.json
    postern project validate --strict --json`
}

// Run implements the command.
func (c *validateCommand) Run(ctx context.Context, a *app) error {
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
	v, err := to.Validate(ctx, in)
	watch.end()
	if err != nil {
		return err
	}
	if !v.OK {
		return c.refuse(a, from, v, "The files would be refused.")
	}
	if c.JSON {
		return c.printValidation(a, from, v)
	}
	a.report(from, v.Details)
	fmt.Fprintf(a.stderr, "%s %s can be imported.\n", a.paint(green, "Valid:"), plural(len(in.Files), "file"))
	return nil
}

// read reads what to send. Files that cannot be read end the command here, as
// the server would only repeat it, with everything else that is wrong.
func (c *upload) read(a *app) (*local, *client.ImportRequest, error) {
	from, err := a.readLocal(c.Source)
	if err != nil {
		return nil, nil, err
	}
	a.tellPassedOver(from)
	up := from.upload
	if c.Environment != "" {
		up.Environment = c.Environment
	}
	excludes := append(up.Excludes, c.Exclude...)
	if err := checkExcludes(excludes); err != nil {
		return nil, nil, err
	}
	if snapshot.Failed(up.Problems) {
		up.Strict, up.Excludes = up.Strict || c.Strict, excludes
		problems, err := withoutProject(up)
		if err != nil {
			return nil, nil, err
		}
		return nil, nil, c.unreadable(a, from, problems)
	}
	in := &client.ImportRequest{
		Files: up.Files, Excludes: excludes, Secrets: up.Secrets,
		Strict: up.Strict || c.Strict, AllowMoved: up.AllowMoved, Message: up.Message, Source: up.Source, Within: up.Within, Environment: up.Environment,
	}
	for _, code := range up.AllowWeakening {
		in.AllowWeakening = append(in.AllowWeakening, string(code))
	}
	if c.SecretsInput != "" {
		secrets, err := readSecrets(c.SecretsInput)
		if err != nil {
			return nil, nil, err
		}
		in.Secrets = append(in.Secrets, secrets...)
	}
	return from, in, nil
}

// unreadable says why files are not sent, in the form that was asked for.
func (c *upload) unreadable(a *app, from *local, problems []snapshot.Problem) error {
	switch c.form {
	case "markdown":
		if err := writeMarkdown(a.stdout, &client.Plan{Details: problems}); err != nil {
			return err
		}
	case "sarif":
		return cmp.Or(a.printJSON(sarifOf(from, problemFindings(problems))), errRefused)
	}
	return c.refuse(a, from, &client.Validation{Details: problems},
		"Nothing was sent. References and secrets are looked at when all files can be read.")
}

// withoutProject finds what is wrong with files of which some cannot be read, as
// far as neither these nor the project have a say in it.
func withoutProject(up *snapshot.Upload) ([]snapshot.Problem, error) {
	out, err := snapshot.Check(up, snapshot.Base{}, &snapshot.Cache{})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out.Problems, func(p snapshot.Problem) bool {
		if p.Code == snapshot.CodeAsset {
			return p.Level == snapshot.Warning // what refers to it may be what cannot be read
		}
		return slices.Contains([]snapshot.Code{
			snapshot.CodeReference, snapshot.CodeStillNeeded, snapshot.CodeSecretMissing, snapshot.CodeSecretMoved,
			snapshot.CodeSecretUnknown, snapshot.CodeSecretType,
		}, p.Code)
	}), nil
}

// template writes a file for the secrets that are missing, where one is wanted.
func (c *upload) template(missing client.MissingSecrets) error {
	if c.SecretsOutput == "" || missing.Count() == 0 {
		return nil
	}
	return writeTemplate(c.SecretsOutput, missing)
}

// refuse says why a snapshot is refused, and writes the template of what it lacks.
func (c *upload) refuse(a *app, from *local, v *client.Validation, end string) error {
	if err := c.template(v.Missing); err != nil {
		return err
	}
	if c.JSON {
		if err := c.printValidation(a, from, v); err != nil {
			return err
		}
		return errRefused
	}
	if len(v.Details) > 0 {
		a.report(from, v.Details)
	} else {
		a.reportFailures(v.Failures, v.Missing)
	}
	fmt.Fprintln(a.stderr, end)
	if n := v.Missing.Count(); n > 0 {
		if c.SecretsOutput != "" {
			fmt.Fprintf(a.stderr, "Fill in %s in %s, and give it to --secrets-input.\n", plural(n, "missing secret"), c.SecretsOutput)
		} else {
			fmt.Fprintf(a.stderr, "--secrets-output FILE writes a template for %s.\n", plural(n, "missing secret"))
		}
	}
	return errRefused
}

func (c *upload) printValidation(a *app, from *local, v *client.Validation) error {
	return a.printJSON(struct {
		OK       bool                  `json:"ok"`
		Failures []string              `json:"failures"`
		Missing  client.MissingSecrets `json:"missingSecrets"`
		Details  []located             `json:"details"`
	}{v.OK, v.Failures, v.Missing, from.locateAll(v.Details)})
}

// fewChanges is how many changes are named one by one.
const fewChanges = 20

// tellImport says what an import did.
func (a *app) tellImport(res *client.ImportResult, files int) {
	if res.Digest == "" { // a server that is not ours
		fmt.Fprintf(a.stderr, "Imported %s.\n", plural(files, "file"))
		return
	}
	if !res.Changed {
		fmt.Fprintf(a.stderr, "The project was so already: revision %d, nothing changed.\n", res.Revision)
		return
	}
	fmt.Fprintf(a.stderr, "Imported %s: revision %d, %s.\n", plural(files, "file"), res.Revision, plural(len(res.Changes), "change"))
	a.tellChanges(res.Changes)
	fmt.Fprintf(a.stderr, "Digest %s\n", escaped(res.Digest))
	a.tellPending(res.Pending)
}

// tellChanges names changes, or counts them where they are many.
func (a *app) tellChanges(changes []client.Change) {
	if len(changes) > fewChanges {
		a.tellSections(changes)
		return
	}
	for _, ch := range changes {
		fmt.Fprintf(a.stderr, "  %-8s %s\n", escaped(ch.Action), escaped(ch.File))
	}
}

// tellSections counts changes by section.
func (a *app) tellSections(changes []client.Change) {
	counts := map[string]map[string]int{}
	var order []string
	for _, ch := range changes {
		if counts[ch.Section] == nil {
			counts[ch.Section] = map[string]int{}
			order = append(order, ch.Section)
		}
		counts[ch.Section][ch.Action]++
	}
	for _, section := range order {
		var text strings.Builder
		for _, action := range []string{"created", "changed", "removed"} {
			if n := counts[section][action]; n > 0 {
				fmt.Fprintf(&text, ", %d %s", n, action)
			}
		}
		fmt.Fprintf(a.stderr, "  %-18s %s\n", escaped(dash(section)), strings.TrimPrefix(text.String(), ", "))
	}
}
