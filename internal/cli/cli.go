// Package cli is the command line: what can be asked of the program, the
// settings of each command, what people read and what the program exits with.
//
// What the commands do is in the packages below: a command either runs the
// server, or talks to one through package client.
package cli

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"postern/internal/secret"
	"postern/internal/snapshot"
)

// What the program exits with.
const (
	exitDone    = 0
	exitFailed  = 1
	exitInvalid = 2 // what was asked for is wrong: files that are refused, a command, a flag or a value that there is not; for a comparison, that something differs
	exitChanges = 3 // a plan that changes something, where that was asked for

	exitAhead    = 3 // a status: an import would change what the files changed
	exitBehind   = 4 // a status: an import would take back what changed on the server
	exitDiverged = 5 // a status: both
)

// exits says to people what the program exits with.
const exits = "Exits with 0 when it is done, with 1 when it failed, and with 2 when what was asked for is wrong: files that are refused, or a " +
	"command, a flag or a value that cannot be understood. postern diff and postern project diff exit with 2 where something differs, postern project " +
	"plan --exit-code with 3 where something would change, and postern project status with 3 (ahead), 4 (behind) or 5 (diverged)."

// grammar is every command of the program.
type grammar struct {
	Dev     devCommand     `cmd:"" help:"Run a server on this machine, with a project to try things on."`
	Serve   serveCommand   `cmd:"" help:"Run a server."`
	Project projectCommand `cmd:"" help:"Export, check and import the configuration of a project; list, make and delete projects."`
	Check   checkCommand   `cmd:"" help:"Check a snapshot on this machine, without a server."`
	Format  formatCommand  `cmd:"" help:"Write the files of a snapshot in the one form that exports have."`
	Diff    diffCommand    `cmd:"" help:"Say what an import of one snapshot would change in another."`
	Convert convertCommand `cmd:"" help:"Turn a snapshot or a single flow from a folder into one file, and back."`
	Sign    signCommand    `cmd:"" help:"Sign the files of a snapshot, so that a project can tell whose they are."`
	Schema  schemaCommand  `cmd:"" help:"Write the JSON Schemas of the files, for an editor."`
	Key     keyCommand     `cmd:"" help:"Make, list and revoke management keys."`
	Audit   auditCommand   `cmd:"" help:"Say who did what, and prove that the record of it is whole."`
	Doctor  doctorCommand  `cmd:"" help:"Look at a whole database and say what in it is damaged."`
	Backup  backupCommand  `cmd:"" help:"Write a whole database into one file, beside servers that run."`
	Restore restoreCommand `cmd:"" help:"Make a database what a backup is, after looking at all of it."`
	Collect collectCommand `cmd:"" help:"Take away deleted projects and contents that nothing needs any more."`
	Version versionCommand `cmd:"" help:"Say which version this is."`

	ShowVersion kong.VersionFlag `name:"version" hidden:""` // what people type first, and the command says
}

// app is what a command works with.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	color  bool            // stderr shows colours
	live   bool            // stderr is a terminal, on which a line can be written again
	typed  map[string]bool // the names of the flags on the command line
	offers map[string]bool // those that the command has
}

// Run runs the command that args name and returns what to exit with.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, live: isTerminal(stderr), color: wantsColor(stderr), typed: map[string]bool{}, offers: map[string]bool{}}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help": // of the command that follows
		args = append(slices.Clone(args[1:]), "--help")
	}
	// Kong puts help together before it knows whether anybody wants to read it.
	parser, err := newParser(a, slices.Contains(args, "--help") || slices.Contains(args, "-h"))
	if err != nil {
		return a.fail(err)
	}
	defer func() { // kong ends the program after --help
		if cause := recover(); cause != nil {
			done, ok := cause.(exited)
			if !ok {
				panic(cause)
			}
			code = int(done)
		}
	}()
	parsed, err := parser.Parse(args)
	if err == nil {
		err = secretsNotTyped(parsed)
	}
	if err != nil {
		return a.fail(&usageError{err: err})
	}
	for _, p := range parsed.Path {
		if p.Flag != nil && !p.Resolved {
			a.typed[p.Flag.Name] = true
		}
	}
	for _, f := range parsed.Flags() {
		a.offers[f.Name] = true
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return a.fail(parsed.Run(a))
}

// exited is what kong's wish to end the program is turned into.
type exited int

// newParser makes the parser. The list of exclude keys comes from the schemas,
// which take a while to compile, so it is there for help only.
func newParser(a *app, help bool) (*kong.Kong, error) {
	excludes, kinds := "", ""
	if help {
		excludes, kinds = strings.Join(snapshot.ExcludeKeys(), ", "), strings.Join(snapshot.EntityKinds(), ", ")
	}
	return kong.New(&grammar{},
		kong.Name("postern"),
		kong.Description("Keep identity projects as files, and move them between environments.\n\n"+exits),
		kong.Writers(a.stdout, a.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.ValueFormatter(helpOf),
		kong.TypeMapper(reflect.TypeFor[secret.Text](), kong.MapperFunc(decodeSecret)),
		kong.Configuration(loadSettings),
		kong.Vars{"excludes": excludes, "kinds": kinds, "version": versionText()},
		kong.Bind(a),
	)
}

// decodeSecret reads a setting that must not be printed.
func decodeSecret(ctx *kong.DecodeContext, target reflect.Value) error {
	var value string
	if err := ctx.Scan.PopValueInto("string", &value); err != nil {
		return err
	}
	target.Set(reflect.ValueOf(secret.New(strings.TrimSpace(value))))
	return nil
}

// secretsNotTyped refuses secrets on the command line, where every process of
// the machine can read them, and in a settings file, which others may read.
func secretsNotTyped(parsed *kong.Context) error {
	for _, p := range parsed.Path {
		if p.Flag != nil && p.Flag.Target.Type() == reflect.TypeFor[secret.Text]() {
			return fmt.Errorf("a secret is taken from the environment, as %s, and not as --%s", p.Flag.Envs[0], p.Flag.Name)
		}
	}
	return nil
}

// helpOf is the help of a setting with its default, which kong leaves out.
func helpOf(value *kong.Value) string {
	if value.HasDefault && value.Default != "" && value.Flag != nil {
		with := *value
		with.Help = strings.TrimSuffix(value.Help, ".") + ", default " + value.Default + "."
		value = &with
	}
	return kong.DefaultHelpValueFormatter(value)
}
