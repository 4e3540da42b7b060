package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"postern/internal/client"
	"postern/internal/signature"
	"postern/internal/snapshot"
)

// checkCommand checks a snapshot without a server.
type checkCommand struct {
	Source  string `arg:"" optional:"" default:"snapshot" help:"Folder, .zip or .json file to check, or - for the JSON of the API on stdin (default: ${default})."`
	Base    string `help:"Folder, .zip or .json file that stands for the project to import into." placeholder:"FOLDER"`
	Secrets string `help:"File with the secrets that the files do not hold." placeholder:"FILE"`
	Strict  bool   `help:"Take unknown keys and files, and secrets in files, for errors."`

	Environment string   `help:"Environment whose values the placeholders in the files get; without it each one is checked: the name of a file in environments/." placeholder:"NAME"`
	SignedBy    []string `help:"Take only what this public key signed; may be repeated, for one of several." placeholder:"KEY" sep:"none"`

	Format string `help:"How to say it: text, json or sarif." enum:"text,json,sarif" default:"text" placeholder:"FORMAT"`
}

// Help implements kong.HelpProvider.
func (checkCommand) Help() string {
	return `Checks everything that a server checks before an import, without one: documents, schemas, references, assets,
indexes and secrets. Each problem is shown with its file, line and column.

A snapshot holds no secrets, so it is no fault of it that they are missing: they are counted. With --secrets or --base
each one that is missing is an error, as it would be for a server: --base says what the project has already. One that
stands in a file of a folder is a warning, as folders are committed, and with --strict an error.

Placeholders get the values of an environment. Without --environment the files are checked once for each environment that they have
values for.

Whether a signature fits the files is said, too. With --signed-by one that does not is an error, and so is none.

Exits with 2 where the files would be refused.

Examples:

    postern check config/identity
    postern check config/identity --strict --format sarif > identity.sarif
    postern check staging --base production --secrets secrets.json
    postern project export - | postern check -`
}

// Run implements the command.
func (c *checkCommand) Run(a *app) error {
	snapshot.Prepare() // while the files are read
	from, err := a.readLocal(c.Source)
	if err != nil {
		return err
	}
	a.tellPassedOver(from)
	signers, err := readSigners(c.SignedBy, false)
	if err != nil {
		return err
	}
	if c.Environment != "" {
		from.upload.Environment = c.Environment
	}
	demand := signature.Demand{Required: len(signers) > 0, Signers: signers}
	signer, problems, missing, err := c.problems(a, from, demand)
	if err != nil {
		return err
	}
	refused := snapshot.Failed(problems)
	switch c.Format {
	case "json":
		err = a.printJSON(struct {
			OK       bool                  `json:"ok"`
			SignedBy *signature.Signer     `json:"signedBy,omitzero"`
			Problems []located             `json:"problems"`
			Missing  client.MissingSecrets `json:"missingSecrets"`
		}{!refused, signer, from.locateAll(problems), groups(missing)})
	case "sarif":
		err = a.printJSON(sarifOf(from, problemFindings(problems)))
	default:
		a.showProblems(from, problems)
		if !refused {
			fmt.Fprintf(a.stderr, "%s %s\n", a.paint(green, "Valid:"), plural(len(from.upload.Files), "file"))
			if signer != nil {
				fmt.Fprintf(a.stderr, "%s by the key %s, and as it was signed.\n", a.paint(green, "Signed:"), signer.Key)
			}
			if len(missing) > 0 {
				fmt.Fprintf(a.stderr, "The files mention %s; a project that does not have them needs them beside the files.\n", plural(len(missing), "secret"))
			}
		}
	}
	if err == nil && refused {
		return errRefused
	}
	return err
}

// problems checks the files, all of them at once: for the environment that is
// named, or for each that there is.
func (c *checkCommand) problems(a *app, from *local, demand signature.Demand) (signer *signature.Signer, found []snapshot.Problem, missing []snapshot.MissingSecret, err error) {
	up, cache := from.upload, &snapshot.Cache{}
	up.Strict = up.Strict || c.Strict
	if c.Secrets != "" {
		secrets, err := readSecrets(c.Secrets)
		if err != nil {
			return nil, nil, nil, err
		}
		up.Secrets = append(up.Secrets, secrets...)
	}
	check := func(up *snapshot.Upload) ([]snapshot.Problem, error) {
		base, err := a.standIn(c.Base, up.Environment, cache)
		if err != nil {
			return nil, err
		}
		by, unfit := demand.Verify(up)
		up.Problems = append(up.Problems, unfit...)
		out, err := snapshot.Check(up, base, cache)
		if err != nil {
			return nil, err
		}
		if missing = out.Missing; by != nil {
			signer = by
		}
		if c.Base == "" && c.Secrets == "" {
			return without(out.Problems, snapshot.CodeSecretMissing), nil
		}
		return out.Problems, nil
	}
	if up.Environment == "" && len(up.Environments()) > 0 {
		found, err = forEach(up, check)
	} else {
		found, err = check(up.Clone()) // it takes the files over
	}
	if err == nil && carrierOf(c.Source) == folder {
		found = byLevel(append(found, snapshot.GivenSecrets(up, cache)...))
	}
	return signer, found, missing, err
}

// without returns a list without the problems of a code.
func without(list []snapshot.Problem, code snapshot.Code) []snapshot.Problem {
	return slices.DeleteFunc(slices.Clone(list), func(p snapshot.Problem) bool { return p.Code == code })
}

// groups sorts secrets that are missing as the wire has them.
func groups(list []snapshot.MissingSecret) client.MissingSecrets {
	out := client.MissingSecrets{}
	for _, m := range list {
		out[m.Group] = append(out[m.Group], client.MissingSecret{ID: m.ID, Name: m.Name, Type: m.Type})
	}
	return out
}

// standIn reads the snapshot that stands for a project. None is a new project.
func (a *app) standIn(target, environment string, cache *snapshot.Cache) (snapshot.Base, error) {
	if target == "" {
		return snapshot.Base{}, nil
	}
	from, err := a.readLocal(target)
	if err != nil {
		return snapshot.Base{}, err
	}
	from.forEnvironment(environment)
	base, out, err := snapshot.StandIn(from.upload, cache)
	if err != nil {
		return snapshot.Base{}, err
	}
	if out.Failed() {
		a.showProblems(from, out.Problems)
		fmt.Fprintf(a.stderr, "%s is no project that one could import into.\n", printable(target))
		return snapshot.Base{}, errRefused
	}
	return base, nil
}

// showProblems prints problems, each with its line and what is wrong there
// underlined.
func (a *app) showProblems(from *local, list []snapshot.Problem) {
	pages := map[string]*page{}
	for _, p := range list {
		pg := from.page(p.File, pages)
		var e excerpt
		ok := false
		if pg != nil {
			e, ok = pg.excerpt(p)
		}
		if !ok {
			a.reportOne(from, p)
			fmt.Fprintln(a.stderr)
			continue
		}
		hint := p.Hint
		p.Hint = ""
		a.reportOne(from, p)
		a.showExcerpt(e)
		if hint != "" {
			fmt.Fprintf(a.stderr, "    %s\n", printable(a.spoken(hint)))
		}
		fmt.Fprintln(a.stderr)
	}
	a.countProblems(list)
}

// countProblems says how many problems there are.
func (a *app) countProblems(list []snapshot.Problem) {
	errs := 0
	for _, p := range list {
		if p.Level == snapshot.Error {
			errs++
		}
	}
	if len(list) > 0 {
		fmt.Fprintf(a.stderr, "%s, %s\n", plural(errs, "error"), plural(len(list)-errs, "warning"))
	}
}

func (a *app) showExcerpt(e excerpt) {
	number := strconv.Itoa(e.line)
	margin := strings.Repeat(" ", len(number))
	fmt.Fprintf(a.stderr, "  %s %s %s\n", a.paint(faint, number), a.paint(faint, "|"), e.text)
	caret := strings.Repeat(" ", e.from) + "^" + strings.Repeat("~", e.to-e.from-1)
	fmt.Fprintf(a.stderr, "  %s %s %s\n", margin, a.paint(faint, "|"), a.paint(red, caret))
}

// page returns the document of a file, or nil where it has no lines.
func (l *local) page(file string, pages map[string]*page) *page {
	if pg, ok := pages[file]; ok {
		return pg
	}
	pages[file] = nil
	if doc := l.document(file); len(doc) > 0 {
		pages[file] = newPage(file, doc)
	}
	return pages[file]
}
