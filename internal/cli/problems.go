package cli

import (
	"fmt"
	"strings"

	"postern/internal/client"
	"postern/internal/snapshot"
)

// A located problem is one with its place in the local file, for programs.
type located struct {
	snapshot.Problem
	Line   int `json:"line,omitzero"`
	Column int `json:"column,omitzero"`
}

func (l *local) locateAll(list []snapshot.Problem) []located {
	out := make([]located, 0, len(list))
	for _, p := range list {
		at, _ := l.at(p)
		out = append(out, located{Problem: p, Line: at.Line, Column: at.Column})
	}
	return out
}

// report prints problems, errors first, those of one file together, and how many
// there are.
func (a *app) report(l *local, list []snapshot.Problem) {
	file := ""
	for i, p := range list {
		if i > 0 && p.File != file {
			fmt.Fprintln(a.stderr)
		}
		file = p.File
		a.reportOne(l, p)
	}
	errs := 0
	for _, p := range list {
		if p.Level == snapshot.Error {
			errs++
		}
	}
	if len(list) > 0 {
		fmt.Fprintf(a.stderr, "\n%s, %s\n", plural(errs, "error"), plural(len(list)-errs, "warning"))
	}
}

func (a *app) reportOne(l *local, p snapshot.Problem) {
	level := a.paint(red, "error:")
	if p.Level == snapshot.Warning {
		level = a.paint(yellow, "warning:")
	}
	where := ""
	if at, ok := l.at(p); ok {
		where = fmt.Sprintf("%s:%d:%d", l.name(p.File), at.Line, at.Column)
	} else if p.File != "" {
		where = l.name(p.File)
		if p.Pointer != "" {
			where += "#" + p.Pointer
		}
	} else {
		where = a.spoken(p.Pointer)
	}
	if where != "" {
		where = a.paint(bold, printable(where)+":") + " "
	}
	fmt.Fprintf(a.stderr, "%s%s %s %s\n", where, level, printable(p.Message), a.paint(faint, "["+printable(string(p.Code))+"]"))
	if p.Hint != "" {
		fmt.Fprintf(a.stderr, "    %s\n", printable(a.spoken(p.Hint)))
	}
}

// spoken puts the flags of the command for the members of a request that a
// server names.
func (a *app) spoken(s string) string {
	if s == "/environment" {
		return "--environment"
	}
	secrets := "--secrets-input"
	if a.offers["secrets"] {
		secrets = "--secrets"
	}
	return strings.NewReplacer("/inputSecrets", secrets, "inputSecrets", secrets, "allowMovedSecrets", "--allow-moved-secrets", "allowWeakening", "--allow-weakening").Replace(s)
}

// reportFailures prints what a server says that knows no details.
func (a *app) reportFailures(failures []string, missing client.MissingSecrets) {
	for _, f := range failures {
		fmt.Fprintf(a.stderr, "%s %s\n", a.paint(red, "error:"), printable(a.spoken(f)))
	}
	for _, group := range snapshot.SecretGroups {
		for _, m := range missing[group.Name] {
			fmt.Fprintf(a.stderr, "%s %s %q needs the secret %s\n", a.paint(red, "missing:"), strings.TrimSuffix(group.Name, "s"), m.Name, escaped(m.Type))
		}
	}
	fmt.Fprintf(a.stderr, "\n%s\n", plural(len(failures), "failure"))
}
