package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/client"
	"postern/internal/secret"
	"postern/internal/server"
)

// keyVariable is where a management key is taken from.
const keyVariable = "POSTERN_MANAGEMENT_KEY"

// access says which server to call, and with which key.
type access struct {
	KeyFile string        `help:"File with the management key, or with a line POSTERN_MANAGEMENT_KEY=…. The key itself may be in POSTERN_MANAGEMENT_KEY instead." env:"POSTERN_MANAGEMENT_KEY_FILE" placeholder:"FILE"`
	Key     secret.Text   `help:"The management key." env:"POSTERN_MANAGEMENT_KEY" hidden:""`
	Timeout time.Duration `help:"How long to wait for the server." default:"5m" placeholder:"TIME"`
	JSON    bool          `name:"json" help:"Print the result as JSON."`
}

// connection is a server, and a project on it.
type connection struct {
	URL     string `name:"url" help:"Base URL of the server." default:"http://localhost:8787" env:"POSTERN_URL" placeholder:"URL"`
	Project string `help:"Id of the project." env:"POSTERN_PROJECT_ID" placeholder:"ID"`
	access
}

// key returns the management key. A file that is named goes before the
// environment.
func (c *access) key() (secret.Text, error) {
	if c.KeyFile == "" {
		if c.Key.IsZero() {
			return secret.Text{}, usage("put it into "+keyVariable+", or name its file with --key-file", "there is no management key")
		}
		return c.Key, nil
	}
	b, err := os.ReadFile(c.KeyFile)
	if os.IsNotExist(err) {
		return secret.Text{}, usage("--key-file and POSTERN_MANAGEMENT_KEY_FILE name the file with the management key", "there is no file %s", c.KeyFile)
	}
	if err != nil {
		return secret.Text{}, err
	}
	text := strings.TrimSpace(string(b))
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimSpace(line), "export "), keyVariable+"="); ok {
			return secret.New(strings.Trim(value, `"'`)), nil
		}
	}
	if text == "" || strings.ContainsAny(text, " \n=") {
		return secret.Text{}, usage("it must hold the key alone, or a line "+keyVariable+"=…", "%s holds no management key", c.KeyFile)
	}
	return secret.New(text), nil
}

// client returns the client for url and project, and a context that ends with
// the timeout.
func (c *access) client(ctx context.Context, url, project string, watch *progress) (*client.Client, context.Context, context.CancelFunc, error) {
	key, err := c.key()
	if err != nil {
		return nil, nil, nil, err
	}
	options := client.Options{URL: url, Project: project, Key: key, UserAgent: "postern/" + strings.ReplaceAll(server.Version(), " ", "-")}
	if watch != nil {
		options.Progress = watch.sent
	}
	to, err := client.New(options)
	if err != nil {
		return nil, nil, nil, &usageError{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	return to, ctx, cancel, nil
}

// onProject returns a client for the project that the settings name.
func (c *connection) onProject(ctx context.Context, watch *progress) (*client.Client, context.Context, context.CancelFunc, error) {
	if c.Project == "" {
		return nil, nil, nil, usage("put its id into POSTERN_PROJECT_ID, or name it with --project; postern project list shows the ids", "there is no project")
	}
	return c.client(ctx, c.URL, c.Project, watch)
}

// printJSON prints a result for programs.
func (a *app) printJSON(v any) error {
	err := json.MarshalWrite(a.stdout, v, json.Deterministic(true), json.FormatNilSliceAsNull(false), jsontext.WithIndent("  "))
	if err == nil {
		_, err = fmt.Fprintln(a.stdout)
	}
	return err
}
