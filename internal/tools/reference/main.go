// Command reference writes docs/reference from the code, so that no page of it
// says a thing a second time. Its test fails where a committed page is stale.
//
//	go run ./internal/tools/reference
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"postern/internal/api"
	"postern/internal/cli"
	"postern/internal/snapshot"
)

// A page is one file of the reference.
type page struct {
	name  string
	write func(w io.Writer, root string) error
}

// pages is all of the reference.
var pages = []page{
	{"snapshot.md", func(w io.Writer, _ string) error { return snapshot.WriteReference(w) }},
	{"errors.md", writeErrors},
	{"api.md", writeAPI},
	{"openapi.json", func(w io.Writer, _ string) error { return api.WriteOpenAPI(w) }},
	{"cli.md", func(w io.Writer, _ string) error { return cli.WriteReference(w) }},
}

// folder is where the reference lies in the module.
const folder = "docs/reference"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	dir := filepath.Join(root, filepath.FromSlash(folder))
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the pages are for everybody
		return err
	}
	for _, p := range pages {
		if err := p.put(dir, root); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// put writes a page into its file.
func (p page) put(dir, root string) error {
	f, err := os.Create(filepath.Join(dir, p.name)) //nolint:gosec // the names are above
	if err != nil {
		return err
	}
	return errors.Join(p.write(f, root), f.Close())
}

// moduleRoot finds the folder of go.mod above the one that this runs in.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("there is no go.mod above this folder")
		}
		dir = filepath.Dir(dir)
	}
}
