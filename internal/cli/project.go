package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"postern/internal/client"
)

// projectCommand is what can be done with projects.
type projectCommand struct {
	Export    exportCommand      `cmd:"" help:"Write the configuration of the project to files."`
	Import    importCommand      `cmd:"" help:"Make files the configuration of the project, all of them or none."`
	Plan      planCommand        `cmd:"" help:"Say what an import would do, and change nothing."`
	Apply     applyCommand       `cmd:"" help:"Import what a plan was made of, if it does exactly what the plan says."`
	Diff      projectDiffCommand `cmd:"" help:"Say how two revisions, two projects, or files and a project differ."`
	Status    statusCommand      `cmd:"" help:"Say whether files and the project drifted apart, and who changed what."`
	Validate  validateCommand    `cmd:"" help:"Check files against the project, and change nothing."`
	Approve   approveCommand     `cmd:"" help:"Approve a plan that weakens security, for another key that applies it."`
	Policy    policyCommand      `cmd:"" help:"Show or change what imports may not do to the project."`
	Outbox    outboxCommand      `cmd:"" help:"Show the messages that the built-in provider kept instead of sending them."`
	Log       logCommand         `cmd:"" help:"List the revisions of the project, the newest first."`
	Show      showCommand        `cmd:"" help:"Show one revision, and what it changed."`
	Rollback  rollbackCommand    `cmd:"" help:"Make the project what it was at an older revision."`
	Confirm   confirmCommand     `cmd:"" help:"Let a revision stay that would go back by itself, or take it back at once."`
	Secret    secretCommand      `cmd:"" help:"Destroy older values of secrets."`
	List      listCommand        `cmd:"" help:"List the projects that the key may see."`
	Create    createCommand      `cmd:"" help:"Make an empty project."`
	Clone     cloneCommand       `cmd:"" help:"Make a new project with the configuration and the secrets of this one."`
	Delete    deleteCommand      `cmd:"" help:"Delete the project. For 30 days it can be brought back."`
	Undelete  undeleteCommand    `cmd:"" help:"Bring a deleted project back."`
	RotateKey rotateKeyCommand   `cmd:"" name:"rotate-key" help:"Seal the secrets of the project with a new key, without a stop."`
}

// listCommand lists projects.
type listCommand struct {
	Deleted bool `help:"List the deleted projects that can be brought back. The key must be an admin of all projects."`
	connection
}

// Help implements kong.HelpProvider.
func (listCommand) Help() string {
	return `Examples:

    postern project list
    postern project list --deleted
    postern project list --json --url https://identity.example.com --key-file key.txt`
}

// Run implements the command.
func (c *listCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.client(ctx, c.URL, "", nil)
	if err != nil {
		return err
	}
	defer cancel()
	list := to.Projects
	if c.Deleted {
		list = to.Deleted
	}
	projects, err := list(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(struct {
			Projects []client.Project `json:"projects"`
		}{projects})
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	head := "ID\tNAME\tENVIRONMENT\tTAGS"
	if c.Deleted {
		head += "\tKEPT UNTIL"
	}
	if slices.ContainsFunc(projects, func(p client.Project) bool { return p.Pending != nil }) {
		head += "\tWAITS TO BE CONFIRMED"
	}
	fmt.Fprintln(table, head)
	for _, p := range projects {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s", escaped(p.ID), escaped(p.Name), escaped(dash(p.Environment)), escaped(dash(strings.Join(p.Tags, ", "))))
		if c.Deleted {
			fmt.Fprintf(table, "\t%s", time.Unix(p.KeptUntil, 0).UTC().Format(time.RFC3339))
		}
		if p.Pending != nil {
			fmt.Fprintf(table, "\t%s", pendingText(p.Pending))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// newProject is what a project is made of.
type newProject struct {
	Name        string   `arg:"" help:"Name of the new project."`
	Environment string   `help:"What the project is for: production, or nothing." placeholder:"NAME"`
	Tag         []string `help:"A tag of the project; may be repeated." placeholder:"TAG" sep:"none"`
}

func (n *newProject) request() client.NewProject {
	return client.NewProject{Name: n.Name, Environment: n.Environment, Tags: n.Tag}
}

// printNew prints a project that was made: its id to stdout, for scripts.
func (a *app) printNew(p client.Project, asJSON bool, did string) error {
	if asJSON {
		return a.printJSON(p)
	}
	fmt.Fprintf(a.stderr, "%s the project %s:\n", escaped(did), escaped(p.Name))
	_, err := fmt.Fprintln(a.stdout, escaped(p.ID))
	return err
}

// createCommand makes a project.
type createCommand struct {
	newProject
	connection
}

// Help implements kong.HelpProvider.
func (createCommand) Help() string {
	return `The key must be an admin of all projects. The id of the new project is printed.

Examples:

    postern project create staging
    postern project create shop --environment production --tag eu`
}

// Run implements the command.
func (c *createCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.client(ctx, c.URL, "", nil)
	if err != nil {
		return err
	}
	defer cancel()
	p, err := to.Create(ctx, c.request())
	if err != nil {
		return err
	}
	return a.printNew(p, c.JSON, "Made")
}

// cloneCommand copies a project.
type cloneCommand struct {
	newProject
	connection
}

// Help implements kong.HelpProvider.
func (cloneCommand) Help() string {
	return `Users, tenants and keys are not copied. The key must be an admin of all projects. The id of the copy is printed.

Examples:

    postern project clone "trial of the new flow"
    postern project clone shop --environment production --json`
}

// Run implements the command.
func (c *cloneCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	p, err := to.Clone(ctx, c.request())
	if err != nil {
		return err
	}
	return a.printNew(p, c.JSON, "Cloned "+c.Project+" to")
}

// deleteCommand deletes a project.
type deleteCommand struct {
	Yes bool `help:"Do not ask."`
	connection
}

// Help implements kong.HelpProvider.
func (deleteCommand) Help() string {
	return `Asks for the id of the project to be typed again, unless --yes is given. For 30 days postern project undelete brings it
back; after that it is collected.

Examples:

    postern project delete --project P2aAc4T2V93bddihGEx2Ryhc8e5Z
    postern project delete --yes --json`
}

// Run implements the command.
func (c *deleteCommand) Run(ctx context.Context, a *app) error {
	to, ctx, cancel, err := c.onProject(ctx, nil)
	if err != nil {
		return err
	}
	defer cancel()
	if !c.Yes {
		if err := a.confirm(c.Project); err != nil {
			return err
		}
	}
	if err := to.Delete(ctx); err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(map[string]string{"deleted": c.Project})
	}
	fmt.Fprintf(a.stderr, "Deleted the project %s.\n", c.Project)
	return nil
}

// confirm asks for a word that nobody types by accident.
func (a *app) confirm(word string) error {
	fmt.Fprintf(a.stderr, "This deletes the project %s with everything in it.\nType its id to go on: ", word)
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != word {
		fmt.Fprintln(a.stderr)
		return usage("--yes deletes without asking", "that is not the id; nothing was deleted")
	}
	return nil
}
