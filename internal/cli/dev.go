package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"postern/examples"
	"postern/internal/client"
	"postern/internal/server"
	"postern/internal/snapshot"
)

// devCommand runs a server to try things on.
type devCommand struct {
	Folder   string     `arg:"" optional:"" help:"Folder, .zip or .json file with the project to start with. Without it the example shop."`
	Empty    bool       `help:"Start with an empty project."`
	Secrets  string     `help:"File with the secrets that the folder does not hold." placeholder:"FILE"`
	Data     string     `help:"Folder that keeps the database and the keys." default:".postern" placeholder:"DIR"`
	Listen   string     `help:"Address to listen on, host:port. Port 0 is any free one." default:"localhost:8787" placeholder:"ADDRESS"`
	Database string     `help:"SQLite file or postgres:// URL (default: postern.db in the data folder)." placeholder:"URL"`
	EnvFile  string     `help:"File to write the address, the project and the key to once the server is ready." placeholder:"FILE"`
	LogLevel slog.Level `help:"What is logged: debug, info, warn or error, and all that is worse." default:"warn" env:"POSTERN_LOG_LEVEL" placeholder:"LEVEL"`
	server.Tuning
}

// Help implements kong.HelpProvider.
func (devCommand) Help() string {
	return `The first start makes a master key, a project and a management key that may do everything, in the data folder; later
starts use them again. The management key is printed once, and kept in clear in the file dev.env there, readable by
you only. Use postern serve for anything that others depend on.

The folder is imported through the API, as postern project import does, on every start.

Examples:

    postern dev
    postern dev config/identity --secrets secrets.json
    postern dev --empty --data /tmp/trial --listen 127.0.0.1:0 --env-file trial.env`
}

// Run implements the command.
func (c *devCommand) Run(ctx context.Context, a *app) error {
	if c.Empty && c.Folder != "" {
		return usage("leave one of them out", "--empty and the folder %s contradict each other", c.Folder)
	}
	if c.Secrets != "" && c.Folder == "" {
		return usage("name the folder that they are for", "--secrets needs a folder")
	}
	in, from, err := c.read(a)
	if err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	config := c.config()
	s, err := server.New(ctx, config, config.Logger(a.stderr))
	if err != nil {
		return err
	}
	state, err := c.open(ctx, s)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	state.example = !c.Empty && c.Folder == ""
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	if err := c.begin(ctx, a, state, in, from); err != nil {
		stop()
		return errors.Join(err, <-served)
	}
	return <-served
}

func (c *devCommand) config() server.Config {
	config := server.Config{
		Listen: c.Listen, Database: c.Database, LogLevel: c.LogLevel, Tuning: c.Tuning,
		MasterKeyFile: filepath.Join(c.Data, "master.key"), MakeMasterKey: true,
	}
	// On a laptop mails go to a mailbox on the same machine.
	config.AllowPrivate = append(config.AllowPrivate, "127.0.0.1", "::1", "localhost")
	if config.Database == "" {
		config.Database = filepath.Join(c.Data, "postern.db")
	}
	return config
}

// open takes the address, and finds or makes the project and the key.
func (c *devCommand) open(ctx context.Context, s *server.Server) (*devState, error) {
	if err := s.Listen(ctx); err != nil {
		return nil, err
	}
	return openState(ctx, s, filepath.Join(c.Data, "dev.env"))
}

// read reads the project to start with; none where it is to be empty.
func (c *devCommand) read(a *app) (*client.ImportRequest, *local, error) {
	var from *local
	var secrets []snapshot.InputSecret
	var err error
	switch {
	case c.Empty:
		return nil, nil, nil
	case c.Folder == "":
		if from, err = readEmbedded(examples.Shop, "shop"); err != nil {
			return nil, nil, err
		}
		var b []byte
		if b, err = fs.ReadFile(examples.Shop, "shop.secrets.json"); err == nil {
			secrets, err = parseSecrets(b)
		}
	default:
		if from, err = a.readLocal(c.Folder); err == nil && c.Secrets != "" {
			secrets, err = readSecrets(c.Secrets)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if snapshot.Failed(from.upload.Problems) {
		a.report(from, from.upload.Problems)
		return nil, nil, errRefused
	}
	return &client.ImportRequest{Files: from.upload.Files, Secrets: secrets, Message: "postern dev"}, from, nil
}

// begin imports the project, says that the server is ready, and how to use it.
func (c *devCommand) begin(ctx context.Context, a *app, state *devState, in *client.ImportRequest, from *local) error {
	if in != nil {
		if err := importFirst(ctx, a, state, in, from); err != nil {
			return err
		}
	}
	if err := state.write(state.file); err != nil {
		return err
	}
	if c.EnvFile != "" {
		if err := state.write(c.EnvFile); err != nil {
			return err
		}
	}
	state.welcome(a)
	return nil
}

// importFirst imports the project that the server starts with, as any client would.
func importFirst(ctx context.Context, a *app, state *devState, in *client.ImportRequest, from *local) error {
	watch := a.progress()
	to, err := client.New(client.Options{URL: state.url, Project: state.project, Key: state.key, UserAgent: "postern-dev", Progress: watch.sent})
	if err != nil {
		return err
	}
	res, err := to.Import(ctx, in)
	watch.end()
	if refused, ok := errors.AsType[*client.Error](err); ok && len(refused.Details) > 0 {
		a.report(from, refused.Details)
		fmt.Fprintln(a.stderr, "The project to start with is refused.")
		if refused.Missing.Count() > 0 {
			fmt.Fprintln(a.stderr, "--secrets FILE takes the secrets that are missing; postern project validate --secrets-output FILE writes a template.")
		}
		return errRefused
	}
	if err != nil {
		return err
	}
	a.report(from, res.Warnings)
	a.tellImport(res, len(in.Files))
	return nil
}

// prepare makes the data folder, which is nobody else's business and never goes
// into version control, and takes an older env file away, which whoever waits
// for the server would take for the new one.
func (c *devCommand) prepare() error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	ignore := filepath.Join(c.Data, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(ignore, []byte("*\n"), 0o600); err != nil {
			return err
		}
	}
	if c.EnvFile == "" {
		return nil
	}
	if err := os.Remove(c.EnvFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
