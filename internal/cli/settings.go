package cli

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/alecthomas/kong"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// settingsFile is a file of settings: a JSON object with the names of flags as
// members. What is typed, and then the environment, say more than the file.
type settingsFile map[string]any

// loadSettings reads a file of settings.
func loadSettings(r io.Reader) (kong.Resolver, error) {
	var members map[string]jsontext.Value
	if err := json.UnmarshalRead(r, &members); err != nil {
		return nil, fmt.Errorf("--config: the file is not a JSON object of settings: %w", err)
	}
	file := settingsFile{}
	for name, value := range members {
		switch value.Kind() {
		case '"':
			var s string
			if err := json.Unmarshal(value, &s); err != nil {
				return nil, err
			}
			file[name] = s
		case '0', 't', 'f':
			file[name] = string(value)
		default:
			return nil, fmt.Errorf("--config: %q must be a text, a number, true or false", name)
		}
	}
	return file, nil
}

// Validate refuses names that are no settings: what was misspelt would silently
// keep its default.
func (f settingsFile) Validate(app *kong.Application) error {
	var known []string
	for _, node := range app.Children {
		if node.Name == "serve" {
			for _, flag := range node.Flags {
				if flag.Name != "config" && !flag.Hidden {
					known = append(known, flag.Name)
				}
			}
		}
	}
	for name := range f {
		if !slices.Contains(known, name) {
			hint := ""
			if near := snapshot.Nearest(name, known); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			return fmt.Errorf("--config: there is no setting %q%s", name, hint)
		}
	}
	return nil
}

// Resolve returns the value of a flag that nobody typed.
func (f settingsFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f[flag.Name]
	if !ok || slices.ContainsFunc(flag.Envs, func(name string) bool { return os.Getenv(name) != "" }) {
		return nil, nil // this is how kong is told that there is none
	}
	return value, nil
}
