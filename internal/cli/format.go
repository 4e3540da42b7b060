package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"postern/internal/snapshot"
)

// errDifferent ends a command that has said already what differs.
var errDifferent = fmt.Errorf("the files differ: %w", errRefused)

// formatCommand writes the files of a folder as an export does.
type formatCommand struct {
	Folder string `arg:"" optional:"" default:"snapshot" help:"Folder of the snapshot (default: ${default})."`
	Check  bool   `help:"Change nothing; list what would change, and exit with 2 if anything would."`
}

// Help implements kong.HelpProvider.
func (formatCommand) Help() string {
	return `Writes the files of a folder as an export writes them: members in order, two spaces, one spelling of each text and
number. What the files say stays the same. Formatting them again changes nothing, and neither does an export of the
project after an import of them, so that version control shows only what was meant.

Files that changed are listed. If a file cannot be read, nothing is written.

Examples:

    postern format config/identity
    postern format config/identity --check`
}

// Run implements the command.
func (c *formatCommand) Run(a *app) error {
	if carrierOf(c.Folder) != folder {
		return usage("postern convert unpacks an archive", "only the files of a folder can be formatted")
	}
	from, err := a.readLocal(c.Folder)
	if err != nil {
		return err
	}
	if problems := from.upload.Problems; len(problems) > 0 {
		a.showProblems(from, problems)
		fmt.Fprintln(a.stderr, "Nothing was written.")
		return errRefused
	}
	changed := 0
	for _, file := range from.upload.Files.Paths() {
		was, err := from.raw(file)
		if err != nil {
			return err
		}
		now := snapshot.OnDisk(file, from.upload.Files[file])
		if bytes.Equal(was, now) {
			continue
		}
		changed++
		fmt.Fprintln(a.stdout, printable(from.name(file)))
		if c.Check {
			continue
		}
		if err := rewrite(from.name(file), now); err != nil {
			return err
		}
	}
	switch files := len(from.upload.Files); {
	case changed == 0:
		fmt.Fprintf(a.stderr, "%s %s.\n", plural(files, "file"), are(files, "formatted already"))
	case c.Check:
		fmt.Fprintf(a.stderr, "%s of %d would change; postern format writes them.\n", plural(changed, "file"), files)
		return errDifferent
	default:
		fmt.Fprintf(a.stderr, "Wrote %s of %d.\n", plural(changed, "file"), files)
	}
	return nil
}

func are(n int, what string) string {
	if n == 1 {
		return "is " + what
	}
	return "are " + what
}

// rewrite gives a file another content, and leaves its permissions. Of a link
// the file behind it is written.
func rewrite(name string, content []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return writeWhole(name, info.Mode().Perm(), func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
