package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"postern/internal/snapshot"
)

// projectDiffCommand compares what is on a server with something else.
type projectDiffCommand struct {
	From string `arg:"" help:"What there was: a revision @N, a project project:ID or project:ID@N, a folder, a .zip or .json file."`
	To   string `arg:"" optional:"" help:"What there is, named likewise; without it the project as it is now."`
	detail

	Format string `help:"How to say it: text, json, markdown (for a comment on a pull request) or sarif." enum:"text,json,markdown,sarif" default:"text" placeholder:"FORMAT"`

	Environment string `help:"Environment whose values the placeholders in the files get: the name of a file in environments/." placeholder:"NAME"`
	connection
}

// Help implements kong.HelpProvider.
func (projectDiffCommand) Help() string {
	return `Says how two configurations differ: two revisions, two projects, or files and a project. @N is a revision of the project that
--project names, and project:ID is another project that the key may read.

Two that are on the server are compared as they are. Where one is files, what is shown is what an import of the second would
change in the first: entities are matched by name and keep their ids, a section that the files do not have stays.

Secrets are never shown.

Exits with 0 where nothing differs, and with 2 where something does, or where one of the two would be refused.

Examples:

    postern project diff @41
    postern project diff @38 @41
    postern project diff project:P2aAc4T2V93bddihGEx2Ryhc8e5Z project:P2bCu6wkVXs8bMfuB3wVq0zDdKzt
    postern project diff project:P2aAc4T2V93bddihGEx2Ryhc8e5Z config/identity --json
    postern project diff @38 @41 --format markdown > comment.md`
}

// A side is one of the two that are compared.
type side struct {
	*local
	name  string
	whole bool // a whole configuration, from a server
}

// Run implements the command.
func (c *projectDiffCommand) Run(ctx context.Context, a *app) error {
	form, err := a.formOf(c.JSON, false, c.Format)
	if err != nil {
		return err
	}
	from, err := c.side(ctx, a, c.From)
	if err != nil {
		return err
	}
	other := c.To
	if other == "" {
		other = "project:" + c.Project
	}
	to, err := c.side(ctx, a, other)
	if err != nil {
		return err
	}
	with := diffCommand{From: from.name, To: to.name, detail: c.detail, Format: form, Environment: c.Environment}
	if from.whole && to.whole {
		found := &snapshot.Comparison{Differences: snapshot.Compare(from.upload.Files, to.upload.Files)}
		if form == "sarif" {
			nothing := &snapshot.Outcome{}
			return with.annotate(a, from.local, to.local, to.upload.Files, found, nothing, nothing)
		}
		return with.tell(a, found)
	}
	return with.compare(a, from.local, to.local)
}

// side reads one of the two.
func (c *projectDiffCommand) side(ctx context.Context, a *app, spec string) (*side, error) {
	id, number, remote, err := c.remote(spec)
	if err != nil {
		return nil, err
	}
	if !remote {
		l, err := a.readLocal(spec)
		return &side{local: l, name: spec}, err
	}
	at := c.connection
	at.Project = id
	to, ctx, cancel, err := at.onProject(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer cancel()
	got, err := to.Export(ctx, snapshot.FormatPlain, number)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec, err)
	}
	if snapshot.Failed(got.Problems) {
		return nil, fmt.Errorf("%s: the server sent files that cannot be read", spec)
	}
	l := &local{upload: &snapshot.Upload{Files: got.Files}, name: func(file string) string { return file }}
	return &side{local: l, name: spec, whole: true}, nil
}

// remote reads the name of something on a server: project:ID, project:ID@N, @N.
func (c *projectDiffCommand) remote(spec string) (id string, number int64, remote bool, err error) {
	rest, isProject := strings.CutPrefix(spec, "project:")
	if !isProject && !strings.HasPrefix(spec, "@") {
		return "", 0, false, nil
	}
	id, text, numbered := strings.Cut(rest, "@")
	if numbered {
		if number, err = strconv.ParseInt(text, 10, 64); err != nil || number <= 0 {
			return "", 0, false, usage("@41 is the revision 41; postern project log shows them", "there is no revision %q", text)
		}
	}
	if id == "" {
		id = c.Project
	}
	return id, number, true, nil
}
