package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postern/internal/snapshot"
)

// convertCommand brings a snapshot or a flow into another form.
type convertCommand struct {
	From string `arg:"" help:"Folder, .zip or .json file to read, or - for JSON on stdin."`
	To   string `arg:"" help:"Folder, .zip or .json file to write, or - for JSON on stdout."`

	Environment string `help:"Put the values of this environment in place of the placeholders." placeholder:"NAME"`
}

// Help implements kong.HelpProvider.
func (convertCommand) Help() string {
	return `A snapshot is a folder, a .zip file, or the JSON of the API. A single flow is the folder of a flow in a snapshot, or
the JSON of its export. Which of the two it is, is seen by what is read; nothing is lost on the way, in either direction.

The folder of a flow has the flow's id for its name. A name that ends in a slash is the folder to put it into. Texts and
images that a flow has in the assets of its snapshot are put into its export.

Placeholders and the values of environments are files like others, and are converted with them. With --environment the values are put
in, for a server that does not know placeholders; a signature is left away then.

Examples:

    postern convert config/identity identity.zip
    postern convert config/identity staging.zip --environment staging
    postern convert identity.zip identity.json
    curl … | postern convert - config/identity
    postern convert config/identity/flows/sign-in sign-in.json
    postern convert sign-in.json config/identity/flows/`
}

// Run implements the command.
func (c *convertCommand) Run(a *app) error {
	source, err := a.readSource(c.From)
	if err != nil {
		return err
	}
	if source.flow != nil {
		return c.flow(a, source)
	}
	up := source.upload
	if len(up.Problems) > 0 {
		a.showProblems(source.local, up.Problems)
		if snapshot.Failed(up.Problems) {
			fmt.Fprintln(a.stderr, "Nothing was written.")
			return errRefused
		}
	}
	if len(up.Secrets)+len(up.Excludes) > 0 || up.Message != "" {
		fmt.Fprintf(a.stderr, "%s only the files are converted, not the secrets, exclude keys and message beside them.\n", a.paint(yellow, "warning:"))
	}
	if c.Environment != "" {
		up.Environment = c.Environment
		files, problems := up.Resolve()
		if len(problems) > 0 {
			a.showProblems(source.local, problems)
		}
		if snapshot.Failed(problems) {
			fmt.Fprintln(a.stderr, "Nothing was written.")
			return errRefused
		}
		up.Files = files
	}
	leftOut, err := a.writeTarget(c.To, up.Files)
	if err != nil || c.To == "-" {
		return err
	}
	fmt.Fprintf(a.stderr, "Wrote %s to %s.\n", plural(len(up.Files)-len(leftOut), "file"), printable(c.To))
	a.tellLeftOut(leftOut, "convert to a .json file for all")
	return a.warnTarget(c.To, up.Files)
}

// A source is what convert reads: a snapshot, or one flow.
type source struct {
	*local
	flow   []byte // as an export, canonical; nil for a snapshot
	id     string
	folder snapshot.Files // as a folder
}

// readSource reads what target names.
func (a *app) readSource(target string) (*source, error) {
	if is := carrierOf(target); is == stream || is == document {
		var doc []byte
		var err error
		if target == "-" {
			doc, err = io.ReadAll(io.LimitReader(a.stdin, maxLocalBytes))
		} else {
			doc, err = os.ReadFile(target) //nolint:gosec // the caller names the file
		}
		if err != nil {
			return nil, sourceError(target, err)
		}
		return a.readDocument(target, doc)
	}
	from, err := a.readLocal(target)
	if err != nil {
		return nil, err
	}
	if carrierOf(target) == folder && snapshot.IsFlowFolder(from.upload.Files) {
		return a.readFlowFolder(target, from)
	}
	return &source{local: from}, nil
}

// readDocument reads the JSON of a snapshot or of a flow.
func (a *app) readDocument(name string, doc []byte) (*source, error) {
	if snapshot.IsFlow(doc) {
		id, files, problems := snapshot.UnpackFlow(doc)
		if len(problems) > 0 {
			from := &local{
				name: func(string) string { return name },
				raw:  func(string) ([]byte, error) { return doc, nil },
			}
			a.showProblems(from, problems)
			fmt.Fprintln(a.stderr, "Nothing was written.")
			return nil, errRefused
		}
		content, _ := snapshot.FileFromBytes("flow.json", doc)
		return &source{flow: content, id: id, folder: files}, nil
	}
	from, err := decodeDocument(name, doc)
	if err != nil {
		return nil, err
	}
	return &source{local: from}, nil
}

// readFlowFolder reads the folder of a flow, and the assets of the snapshot
// around it.
func (a *app) readFlowFolder(dir string, from *local) (*source, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if len(from.upload.Problems) > 0 {
		a.showProblems(from, from.upload.Problems)
		return nil, errRefused
	}
	assets, err := assetsAround(dir)
	if err != nil {
		return nil, err
	}
	id := filepath.Base(dir)
	doc, problems := snapshot.PackFlow(id, from.upload.Files, assets)
	if len(problems) > 0 {
		a.showProblems(from, problems)
		fmt.Fprintln(a.stderr, "Nothing was written.")
		return nil, errRefused
	}
	return &source{flow: doc, id: id, folder: from.upload.Files}, nil
}

// assetsAround reads the assets of the snapshot that a flow lies in: those of
// the nearest folder above that has any.
func assetsAround(dir string) (snapshot.Files, error) {
	for range 3 { // widgets/flows/ID is the deepest
		dir = filepath.Dir(dir)
		assets := filepath.Join(dir, "assets")
		if info, err := os.Stat(assets); err != nil || !info.IsDir() {
			continue
		}
		files, _, err := snapshot.ReadFolder(assets)
		return files, err
	}
	return nil, nil
}

// flow writes a flow.
func (c *convertCommand) flow(a *app, from *source) error {
	switch {
	case carrierOf(c.To) == archive:
		return usage("name a .json file, or the folder of the flow", "a single flow is not an archive")
	case c.To == "-":
		_, err := a.stdout.Write(snapshot.OnDisk("flow.json", from.flow))
		return err
	case carrierOf(c.To) == document:
		return c.done(a, writeWhole(c.To, 0o644, func(w io.Writer) error {
			_, err := w.Write(snapshot.OnDisk("flow.json", from.flow))
			return err
		}), from.id, c.To)
	}
	dir := c.To
	if strings.HasSuffix(dir, "/") || strings.HasSuffix(dir, string(filepath.Separator)) {
		dir = filepath.Join(dir, from.id)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if filepath.Base(abs) != from.id {
		return usage(fmt.Sprintf("write to %s, or to %s/ to put it there", filepath.Join(filepath.Dir(dir), from.id), dir),
			"the folder of the flow %q must have that name", from.id)
	}
	_, err = snapshot.WriteFolder(dir, from.folder) // nothing is left out: a flow is documents
	if err := c.done(a, err, from.id, dir); err != nil {
		return err
	}
	a.warnUnlisted(filepath.Join(filepath.Dir(abs), "flows.json"), from.id)
	return a.warnTarget(dir, from.folder)
}

func (c *convertCommand) done(a *app, err error, id, to string) error {
	if err == nil {
		fmt.Fprintf(a.stderr, "Wrote the flow %s to %s.\n", printable(id), printable(to))
	}
	return err
}

// warnUnlisted says that the index of the flows around does not list a flow.
func (a *app) warnUnlisted(index, id string) {
	b, err := os.ReadFile(index) //nolint:gosec // the file beside the folder that the caller names
	if err != nil {
		return
	}
	if !slices.Contains(snapshot.Listed("flows/flows.json", b), id) {
		fmt.Fprintf(a.stderr, "%s %s does not list it yet, and an import takes only what it lists.\n", a.paint(yellow, "warning:"), printable(index))
	}
}

// writeTarget writes a snapshot to what target names.
func (a *app) writeTarget(target string, files snapshot.Files) (leftOut []string, err error) {
	if err := checkTarget(target); err != nil {
		return nil, err
	}
	if is := carrierOf(target); is == stream || is == document {
		files = snapshot.OnWire(files)
	}
	return a.writeLocal(target, files)
}

// warnTarget names files that were there before, and will be read back with
// those that were written.
func (a *app) warnTarget(target string, files snapshot.Files) error {
	if carrierOf(target) != folder {
		return nil
	}
	there, problems, err := snapshot.ReadFolder(target)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, p := range problems {
		there[p.File] = nil
	}
	for _, file := range there.Paths() {
		if _, ok := files[file]; !ok {
			fmt.Fprintf(a.stderr, "%s %s was there before; remove it if it is not meant to be part of the result.\n", a.paint(yellow, "warning:"), printable(filepath.Join(target, file)))
		}
	}
	return nil
}
