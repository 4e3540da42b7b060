package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// schemaCommand writes the JSON Schemas of the files.
type schemaCommand struct {
	Target string `arg:"" optional:"" default:".vscode/postern" help:"Folder to write to, or the name of one schema to print (default: ${default})."`
	For    string `help:"Folder of the snapshot whose files the editor checks." default:"snapshot" placeholder:"FOLDER"`
}

// Help implements kong.HelpProvider.
func (schemaCommand) Help() string {
	return `Writes a JSON Schema (2020-12) for each kind of file, with which an editor completes keys, shows what they mean, and
marks mistakes. Each is a document of its own.

Settings for VS Code, which map the files of --for to their schemas, go into .vscode/settings.json. If there is one
already they are printed, to be added to it.

The names of the schemas are those of the files: project, roles, auth-password, flow-contents, connector. Of a connector's
configuration alone it is connector/TYPE.

Examples:

    postern schema
    postern schema --for config/identity
    postern schema schemas/
    postern schema auth-password
    postern schema connector/smtp`
}

// editorSettings is where VS Code reads the settings of a folder.
const editorSettings = ".vscode/settings.json"

// Run implements the command.
func (c *schemaCommand) Run(a *app) error {
	name := strings.TrimSuffix(c.Target, ".schema.json")
	if doc, ok := snapshot.Schema(name); ok {
		_, err := a.stdout.Write(doc)
		return err
	}
	if !strings.ContainsAny(c.Target, `./\`) {
		if near := snapshot.Nearest(name, snapshot.SchemaNames()); near != "" {
			if _, err := os.Stat(c.Target); err != nil {
				return usage("did you mean "+near+"? a folder ends in a slash", "there is no schema %q", name)
			}
		}
	}
	if err := os.MkdirAll(c.Target, 0o755); err != nil { //nolint:gosec // schemas are meant to be read by others
		return err
	}
	files := snapshot.SchemaFiles()
	for _, f := range files {
		doc, _ := snapshot.Schema(f.Name)
		if err := os.WriteFile(filepath.Join(c.Target, f.Name+".schema.json"), doc, 0o644); err != nil { //nolint:gosec // likewise
			return err
		}
	}
	fmt.Fprintf(a.stderr, "Wrote %s to %s.\n", plural(len(files), "schema"), printable(c.Target))
	return c.settings(a, files)
}

// settings writes the settings of the editor, or prints them where there are
// some already: they may have comments, and belong to somebody.
func (c *schemaCommand) settings(a *app, files []snapshot.SchemaFile) error {
	type mapping struct {
		Match []string `json:"fileMatch"`
		URL   string   `json:"url"`
	}
	list := make([]mapping, 0, len(files))
	for _, f := range files {
		m := mapping{URL: c.url(f.Name + ".schema.json")}
		for _, glob := range f.Paths {
			short := strings.TrimPrefix(glob, "!")
			m.Match = append(m.Match, glob[:len(glob)-len(short)]+path.Join("/", filepath.ToSlash(c.For), short))
		}
		list = append(list, m)
	}
	var out bytes.Buffer
	if err := json.MarshalWrite(&out, map[string]any{"json.schemas": list}, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
		return err
	}
	out.WriteByte('\n')
	if slices.Contains(strings.Split(filepath.ToSlash(c.Target), "/"), ".vscode") {
		f, err := os.OpenFile(editorSettings, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // likewise
		if err == nil {
			_, err = f.Write(out.Bytes())
			fmt.Fprintf(a.stderr, "Wrote %s, for the files in %s.\n", editorSettings, printable(c.For))
			return errors.Join(err, f.Close())
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if was, err := os.ReadFile(editorSettings); err == nil && bytes.Equal(was, out.Bytes()) {
		return nil
	}
	fmt.Fprintf(a.stderr, "Add this to %s:\n", editorSettings)
	_, err := a.stdout.Write(out.Bytes())
	return err
}

// url names a schema for the editor: by its place in the folder that it has
// open, or as a whole.
func (c *schemaCommand) url(file string) string {
	whole := filepath.ToSlash(filepath.Join(c.Target, file))
	if filepath.IsAbs(c.Target) {
		u := url.URL{Scheme: "file", Path: whole}
		return u.String()
	}
	return "./" + whole
}
