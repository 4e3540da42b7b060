package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"postern/internal/client"
	"postern/internal/fault"
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
		if e.RetryAfter > 0 {
			hint = fmt.Sprintf("try again in %s", e.RetryAfter)
		}
	} else if f, ok := errors.AsType[*fault.Error](err); ok {
		hint = f.Hint
		if f.Kind == fault.Invalid {
			code = exitInvalid
		}
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
