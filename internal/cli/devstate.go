package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/server"
)

// devState is what postern dev keeps from one start to the next.
type devState struct {
	file    string // where it is kept
	url     string
	project string
	key     secret.Text
	keyMade bool // at this start, and so to be shown
	example bool // the project is the example
}

// openState reads the state, and makes what is missing: a project, or a key
// that the database knows.
func openState(ctx context.Context, s *server.Server, file string) (*devState, error) {
	state, err := readState(file)
	if err != nil {
		return nil, err
	}
	state.url = s.URL()
	by := audit.Origin{Actor: "dev"}
	projects, err := s.Projects.List(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(projects, func(p project.Project) bool { return p.ID == state.project }) {
		p, err := s.Projects.Create(ctx, by, project.New{Name: "dev"})
		if err != nil {
			return nil, err
		}
		state.project = p.ID
	}
	_, err = s.Keys.Authenticate(ctx, state.key.Reveal(), netip.IPv6Loopback())
	if f := fault.From(err); f != nil {
		if f.Kind != fault.Unauthenticated {
			return nil, err
		}
		_, key, err := s.Keys.Create(ctx, by, mgmtkey.Create{
			Name: "postern dev", Description: "made by postern dev, kept in " + filepath.Base(file), Grants: []mgmtkey.Grant{{Role: mgmtkey.Admin}},
		})
		if err != nil {
			return nil, err
		}
		state.key, state.keyMade = key, true
	}
	return state, state.write(file) // now, so that a start that fails later does not make them again
}

// readState reads what an earlier start wrote, if there was one.
func readState(file string) (*devState, error) {
	state := &devState{file: file}
	b, err := os.ReadFile(file) //nolint:gosec // a file in the data folder that the caller names
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "POSTERN_PROJECT_ID":
			state.project = value
		case keyVariable:
			state.key = secret.New(value)
		}
	}
	return state, nil
}

// write writes the state as lines for a shell, whole or not at all.
func (s *devState) write(file string) error {
	return writeWhole(file, 0o600, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "POSTERN_URL=%s\nPOSTERN_PROJECT_ID=%s\n%s=%s\n", s.url, s.project, keyVariable, s.key.Reveal())
		return err
	})
}

// welcome says that the server is ready, and how to use it. The management key
// is shown at the start that made it, and at no other.
func (s *devState) welcome(a *app) {
	file := s.file
	fmt.Fprintf(a.stdout, "\nPostern is ready.\n\n  open     %s/console\n  project  %s\n", s.url, s.project)
	if s.keyMade {
		fmt.Fprintf(a.stdout, "  key      %s\n\nThe key is shown this once. It may do everything here, and is kept in %s for later starts.\n", s.key.Reveal(), file)
	} else {
		fmt.Fprintf(a.stdout, "  key      in %s\n", file)
	}
	fmt.Fprintf(a.stdout, `
Try it in another terminal:

  set -a; . %s; set +a
  curl -sS $POSTERN_URL/v1/mgmt/project/export -H "Authorization: Bearer $POSTERN_PROJECT_ID:$%s" -H "Content-Type: application/json" -d '{}'
  %s project export my-project
%s
Ctrl-C stops the server.
`, shellQuote(file), keyVariable, calledAs(os.Args[0]), s.signIn())
}

// calledAs is what to type to run this program again, by what it was run as: by its
// name, by its path, or by go run, which removes what it made.
func calledAs(self string) string {
	path := filepath.ToSlash(self)
	switch {
	case strings.Contains(path, "/go-build"):
		return "go run ./cmd/postern"
	case path == "postern" || strings.TrimSuffix(filepath.Base(self), ".exe") != "postern":
		return "postern"
	}
	return shellQuote(self)
}

// signIn says how to sign in to the example, whose test users get no message: their
// code is always the same one.
func (s *devState) signIn() string {
	if !s.example {
		return ""
	}
	return `
Sign somebody in, a test user whose code is always 424242:

  curl -sS $POSTERN_URL/v1/auth/otp/signup-in/email -H "Authorization: Bearer $POSTERN_PROJECT_ID" -H "Content-Type: application/json" -d '{"loginId":"tester1@shop.example"}'
  curl -sS $POSTERN_URL/v1/auth/otp/verify/email -H "Authorization: Bearer $POSTERN_PROJECT_ID" -H "Content-Type: application/json" -d '{"loginId":"tester1@shop.example","code":"424242"}'
`
}

// shellQuote quotes a path for a shell, where it must be.
func shellQuote(path string) string {
	if !strings.ContainsAny(path, " '\"$`\\()&;<>|*?[]#~!{}\t\n") {
		if !strings.Contains(path, "/") {
			return "./" + path // what has no slash is looked for on the PATH
		}
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
