package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"postern/internal/client"
	"postern/internal/secret"
)

// keyCommand is what can be done with management keys.
type keyCommand struct {
	Create       keyCreateCommand    `cmd:"" help:"Make a management key, and print it once."`
	List         keyListCommand      `cmd:"" help:"List the management keys."`
	Revoke       keyRevokeCommand    `cmd:"" help:"Revoke management keys, at once and for ever."`
	RotateMaster rotateMasterCommand `cmd:"" name:"rotate-master" help:"Give the installation a new master key, without a stop."`
}

// keyPlace says where the keys are: on a server, or in a database.
type keyPlace struct {
	URL      string `name:"url" help:"Base URL of the server to ask. Without it the command works on the database." env:"POSTERN_URL" placeholder:"URL"`
	Database string `help:"SQLite file or postgres:// URL to work on, where no server is named." default:"postern.db" env:"POSTERN_DATABASE" placeholder:"URL"`
	access
}

// A keyring is where keys are kept.
type keyring interface {
	CreateKey(ctx context.Context, in client.NewKey) (client.Key, secret.Text, error)
	Keys(ctx context.Context) ([]client.Key, error)
	DeleteKeys(ctx context.Context, ids ...string) (int, error)
}

// open returns the keys of the place. The caller closes it. A server goes before
// a database, but what is typed before what the environment says.
func (c *keyPlace) open(ctx context.Context, a *app, mayMake bool) (keyring, context.Context, func(), error) {
	if a.typed["url"] && a.typed["database"] {
		return nil, nil, nil, usage("leave one of them out", "--url and --database contradict each other")
	}
	if c.URL != "" && !a.typed["database"] {
		to, ctx, cancel, err := c.client(ctx, c.URL, "", nil)
		return to, ctx, cancel, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	ring, err := openKeyring(ctx, c.Database, mayMake)
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ring, ctx, func() { ring.Close(); cancel() }, nil
}

// keyCreateCommand makes a key.
type keyCreateCommand struct {
	Name        string   `help:"Name of the key: who uses it, and what for." required:"" placeholder:"TEXT"`
	Description string   `help:"More about the key." placeholder:"TEXT"`
	Role        string   `help:"What the key may do, each role including those before it: read, plan, import or admin." enum:"read,plan,import,admin" required:"" placeholder:"ROLE"`
	Project     []string `help:"Id of a project that the key is for; may be repeated. Without it the key is for all projects." placeholder:"ID"`
	Expires     lifetime `help:"How long the key works, as 90d or 12h, or never." default:"never" placeholder:"TIME"`
	PermitIP    []string `name:"permit-ip" help:"Address or range that the key may be used from; may be repeated. Without it any." placeholder:"IP"`
	keyPlace
}

// Help implements kong.HelpProvider.
func (keyCreateCommand) Help() string {
	return `The key is printed to stdout and kept nowhere: who loses it makes another one.

Without --url the command works on the database of the server, which is how the first key of an installation is made.

Examples:

    postern key create --name ops --role admin
    postern key create --name ci --role import --project P2aAc4T2V93bddihGEx2Ryhc8e5Z --expires 90d
    postern key create --name audit --role read --permit-ip 192.0.2.0/24 --url https://identity.example.com`
}

// Run implements the command.
func (c *keyCreateCommand) Run(ctx context.Context, a *app) error {
	ring, ctx, closeRing, err := c.open(ctx, a, true)
	if err != nil {
		return err
	}
	defer closeRing()
	in := client.NewKey{Name: c.Name, Description: c.Description, PermittedIPs: c.PermitIP}
	if c.Expires > 0 {
		in.ExpireTime = time.Now().Add(time.Duration(c.Expires)).Unix()
	}
	if len(c.Project) > 0 {
		in.Access.Projects = []client.ProjectRole{{Projects: c.Project, Roles: []string{c.Role}}}
	} else {
		in.Access.Company = []string{c.Role}
	}
	key, cleartext, err := ring.CreateKey(ctx, in)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(struct {
			Cleartext string     `json:"cleartext"`
			Key       client.Key `json:"key"`
		}{cleartext.Reveal(), key})
	}
	fmt.Fprintf(a.stderr, "Made the management key %s (%s). Keep it now, it is not shown again:\n", escaped(key.ID), escaped(key.Name))
	_, err = fmt.Fprintln(a.stdout, cleartext.Reveal())
	return err
}

// keyListCommand lists keys.
type keyListCommand struct {
	keyPlace
}

// Help implements kong.HelpProvider.
func (keyListCommand) Help() string {
	return `Examples:

    postern key list
    postern key list --json --url https://identity.example.com`
}

// Run implements the command.
func (c *keyListCommand) Run(ctx context.Context, a *app) error {
	ring, ctx, closeRing, err := c.open(ctx, a, false)
	if err != nil {
		return err
	}
	defer closeRing()
	keys, err := ring.Keys(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(struct {
			Keys []client.Key `json:"keys"`
		}{keys})
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tMAY\tSTATUS\tEXPIRES")
	for _, k := range keys {
		expires := "never"
		if k.ExpireTime != 0 {
			expires = time.Unix(k.ExpireTime, 0).UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", escaped(k.ID), escaped(k.Name), escaped(accessText(k.Access)), escaped(k.Status), expires)
	}
	return table.Flush()
}

// accessText says in words what a key may do.
func accessText(access client.Access) string {
	var out []string
	if len(access.Company) > 0 {
		out = append(out, strings.Join(access.Company, "+")+" everywhere")
	}
	for _, p := range access.Projects {
		out = append(out, strings.Join(p.Roles, "+")+" in "+strings.Join(p.Projects, "+"))
	}
	return dash(strings.Join(out, ", "))
}

// keyRevokeCommand revokes keys.
type keyRevokeCommand struct {
	IDs []string `arg:"" name:"id" help:"Ids of the keys, as postern key list shows them."`
	keyPlace
}

// Help implements kong.HelpProvider.
func (keyRevokeCommand) Help() string {
	return `Examples:

    postern key revoke K2aAc4T2V93bddihGEx2Ryhc8e5Z`
}

// Run implements the command.
func (c *keyRevokeCommand) Run(ctx context.Context, a *app) error {
	ring, ctx, closeRing, err := c.open(ctx, a, false)
	if err != nil {
		return err
	}
	defer closeRing()
	n, err := ring.DeleteKeys(ctx, c.IDs...)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(map[string]int{"total": n})
	}
	if n < len(c.IDs) {
		return fmt.Errorf("revoked %s; of %d there was none", plural(n, "key"), len(c.IDs)-n)
	}
	fmt.Fprintf(a.stderr, "Revoked %s.\n", plural(n, "key"))
	return nil
}

// lifetime is how long a key works; zero is for ever.
type lifetime time.Duration

// UnmarshalText reads "90d", "2w", "12h" or "never".
func (l *lifetime) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "never" {
		*l = 0
		return nil
	}
	d, err := time.ParseDuration(s)
	for unit, day := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			var n int
			n, err = strconv.Atoi(digits)
			if err == nil && n > 100*366 {
				err = strconv.ErrRange
			}
			d = time.Duration(n) * day
		}
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a time such as 90d or 12h", s)
	}
	*l = lifetime(d)
	return nil
}
