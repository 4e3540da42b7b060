package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"postern/internal/client"
	"postern/internal/fault"
	"postern/internal/server"
	"postern/internal/snapshot"
)

// usageError is a command that cannot be understood.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usage returns a usageError.
func usage(hint, format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...), hint: hint}
}

// errRefused ends a command that has said already why a snapshot is refused.
var errRefused = errors.New("the snapshot is refused")

// fail tells a person of err and returns what to exit with.
func (a *app) fail(err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errRefused) {
		return exitInvalid
	}
	if errors.Is(err, errChanges) {
		return exitChanges
	}
	if state, ok := errors.AsType[driftExit](err); ok {
		return int(state)
	}
	message, hint, code := err.Error(), "", exitFailed
	if e, ok := errors.AsType[*usageError](err); ok {
		code, hint = exitInvalid, e.hint
		if parse, ok := errors.AsType[*kong.ParseError](err); ok && hint == "" {
			hint = usageHint(parse)
		}
	} else if e, ok := errors.AsType[*client.Error](err); ok {
		message, hint = a.spoken(message), a.spoken(e.Hint)
		if e.Status == http.StatusBadRequest { // it says what is wrong with the call, not what failed
			code = exitInvalid
		}
		if e.RetryAfter > 0 {
			hint = fmt.Sprintf("try again in %s", e.RetryAfter)
		}
	} else if f, ok := errors.AsType[*fault.Error](err); ok {
		hint = f.Hint
		if f.Kind == fault.Invalid {
			code = exitInvalid
		}
	} else if errors.Is(err, server.ErrNoMasterKey) {
		code, hint = exitInvalid, "name its file with --master-key-file, or put it into POSTERN_MASTER_KEY"
		if a.offers["make-master-key"] {
			hint += "; --make-master-key makes the file on the first start"
		}
	} else if errors.Is(err, client.ErrNoAnswer) {
		hint = "is a server running there? --url and POSTERN_URL say where it is; postern dev runs one on this machine"
	} else if errors.Is(err, context.Canceled) {
		message = "stopped"
	} else if errors.Is(err, context.DeadlineExceeded) {
		message, hint = "the server took too long", "--timeout sets how long to wait"
	}
	fmt.Fprintf(a.stderr, "%s %s\n", a.paint(red, "postern:"), printable(message))
	if hint != "" {
		fmt.Fprintf(a.stderr, "  %s\n", printable(hint))
	}
	return code
}

// usageHint names the help of the command that was meant.
func usageHint(parse *kong.ParseError) string {
	name := "postern"
	if parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			name = node.FullPath()
		}
	}
	return "run " + name + " --help"
}

// formOf is the form in which a command says its result. What is typed goes before
// what is set elsewhere, and two forms that are typed are refused: one of them would
// be passed over silently.
func (a *app) formOf(asJSON, asMarkdown bool, format string) (string, error) {
	form, typed := "", ""
	for _, f := range []struct {
		flag, form string
		set        bool
	}{{"format", format, true}, {"markdown", "markdown", asMarkdown}, {"json", "json", asJSON}} {
		if !f.set {
			continue
		}
		form = f.form
		if a.typed[f.flag] {
			if typed != "" && typed != f.form {
				return "", usage("ask for one form", "--%s asks for another form than %s", f.flag, typed)
			}
			typed = f.form
		}
	}
	if typed != "" {
		form = typed
	}
	return form, nil
}

// checkExcludes refuses keys that do not exist, before anything is sent.
func checkExcludes(keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	valid := snapshot.ExcludeKeys()
	for _, k := range keys {
		if !slices.Contains(valid, k) {
			hint := "valid keys: " + strings.Join(valid, ", ")
			if near := snapshot.Nearest(k, valid); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return usage(hint, "there is no exclude key %q", k)
		}
	}
	return nil
}
