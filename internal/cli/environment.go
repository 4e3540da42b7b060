package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postern/internal/snapshot"
)

// forEnvironment gives the files of a side of a comparison the values of an
// environment, where they have values at all: the other side may be an export,
// which has none.
func (l *local) forEnvironment(name string) {
	if len(l.upload.Environments()) > 0 {
		l.upload.Environment = name
	}
}

// forEach calls check for each environment that files have values for, and
// returns what it found in all of them together. What is wrong in some of them
// only says in which.
func forEach(up *snapshot.Upload, check func(*snapshot.Upload) ([]snapshot.Problem, error)) ([]snapshot.Problem, error) {
	names := up.Environments()
	where := map[snapshot.Problem][]string{}
	var all []snapshot.Problem
	for _, name := range names {
		one := up.Clone()
		one.Environment = name
		found, err := check(one)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
			where[p] = append(where[p], name)
		}
	}
	for i, p := range all {
		if in := where[p]; len(in) < len(names) && !tells(p, in) {
			all[i].Message += fmt.Sprintf(" (in the environment %s)", pathsText(in))
		}
	}
	return byLevel(all), nil
}

// tells reports whether a problem names the values of the one environment that it is in.
func tells(p snapshot.Problem, in []string) bool {
	file := snapshot.EnvironmentFile(in[0])
	return len(in) == 1 && strings.Contains(p.File+" "+p.Message+" "+p.Hint, file)
}

// byLevel sorts problems: errors first, and those of one file together.
func byLevel(list []snapshot.Problem) []snapshot.Problem {
	slices.SortStableFunc(list, func(a, b snapshot.Problem) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.File, b.File))
	})
	return list
}

// templateIn reads the folder that an export is about to be written to, where it
// has placeholders or an environment is named: they are put back. It returns nil
// where there are none.
func (c *exportCommand) templateIn(a *app) (*snapshot.Upload, error) {
	if carrierOf(c.Target) != folder {
		if c.Environment != "" {
			return nil, usage("name the folder", "placeholders can only be put back into a folder")
		}
		return nil, nil
	}
	var up *snapshot.Upload
	if isFolder(c.Target) {
		from, err := a.readLocal(c.Target)
		if err == nil {
			up = from.upload
		} else if c.Environment != "" {
			return nil, err
		}
	}
	places := 0
	if up != nil {
		places = len(snapshot.Placeholders(up.Files))
	}
	switch {
	case c.Environment == "" && places == 0:
		return nil, nil
	case c.Environment == "":
		return nil, usage("name the environment that the project is with --environment, or another folder",
			"%s has %s, which would be overwritten", c.Target, plural(places, "placeholder"))
	case up == nil || up.Files[snapshot.EnvironmentFile(c.Environment)] == nil:
		return nil, usage("give its values there", "there is no environment %s: %s has no file %s", c.Environment, c.Target, snapshot.EnvironmentFile(c.Environment))
	}
	up.Environment = c.Environment
	return up, nil
}

// tellLost names placeholders that were not put back.
func (a *app) tellLost(lost []snapshot.Place) {
	for _, at := range lost {
		fmt.Fprintf(a.stderr, "%s %s#%s is not the value of %s any more, and was written as it is\n", a.paint(yellow, "no placeholder:"), escaped(at.File), escaped(at.Pointer), escaped(at.Name))
	}
}
