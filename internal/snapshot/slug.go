package snapshot

import (
	"strconv"
	"strings"
	"unicode"
)

// Slug is a name as a part of a path: its letters and digits in lower case,
// joined by hyphens. It is "" where the name has none.
func Slug(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(name) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) || r == unicode.ReplacementChar {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
		if b.Len() > maxSegment/2 {
			break
		}
	}
	return b.String()
}

// unnamed is what the editor calls a screen that nobody has named.
const unnamed = "New Screen"

// screenSlugs names the files of a flow's screens, by the names of the tasks
// that show them. Two screens of one name get the end of their ids besides; one
// without a name goes by its id.
func screenSlugs(ids []string, names map[string]string) []string {
	of := func(id string) string {
		if s := Slug(names[id]); s != "" && names[id] != unnamed {
			return s
		}
		return strings.TrimPrefix(id, "SC")
	}
	shared := map[string]int{}
	for _, id := range ids {
		shared[fold(of(id))]++
	}
	taken := map[string]bool{}
	out := make([]string, len(ids))
	for i, id := range ids {
		s := of(id)
		if shared[fold(s)] > 1 && len(id) > 4 {
			s += "-" + id[len(id)-4:]
		}
		if taken[fold(s)] {
			s = of(id) + "-" + strings.TrimPrefix(id, "SC")
		}
		for base, n := s, 2; taken[fold(s)]; n++ {
			s = base + "-" + strconv.Itoa(n)
		}
		taken[fold(s)] = true
		out[i] = s
	}
	return out
}

// screenNames are the names of the screens of a flow, each by the first of the
// tasks, in the order of their ids, that shows it and has a name.
func screenNames(contents any) map[string]string {
	out := map[string]string{}
	tasks, _ := child(contents, "tasks").(map[string]any)
	for _, id := range sortedKeys(tasks) {
		screen, _ := child(tasks[id], "screenId").(string)
		name, _ := child(tasks[id], "name").(string)
		if screen != "" && out[screen] == "" {
			out[screen] = name
		}
	}
	return out
}
