package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// detail is how much of differences is shown.
type detail struct {
	All  bool `help:"Show every field, however many an entity has."`
	Full bool `help:"Show all of it: every field, every text as a whole, and what is in things that are new or gone."`
}

// fields reports whether every field is shown.
func (d detail) fields() bool { return d.All || d.Full }

// fewLines is how many lines of a text that changes are shown unless all are
// wanted; beyond are lines that stay, around those that change.
const (
	fewLines = 12
	beyond   = 2
)

// printDifferences writes differences for people; none says that there are none.
func (a *app) printDifferences(list []snapshot.Difference, how detail, none string) error {
	p := a.paper()
	section, entity := "\x00", ""
	fields, left, sections := 0, 0, 0
	for i, d := range list {
		if d.Section != section {
			section, entity = d.Section, ""
			if i > 0 {
				p.line("")
			}
			p.line(p.paint(bold, sectionTitle(d.Section)))
			sections++
		}
		who := d.File + "\x00" + d.Kind + "\x00" + d.ID
		if who != entity {
			entity, fields, left = who, 0, 0
			p.heading(d)
		}
		if d.Field == "" {
			p.risks(d, "      ")
			p.effects(d, "      ")
			p.content(d, how)
			continue
		}
		if fields++; fields > fewFields && !how.fields() && !weakens(d) && len(d.Effects) == 0 {
			left++
		} else {
			p.field(d, how)
			p.risks(d, "        ")
			p.effects(d, "        ")
		}
		if rest := list[i+1:]; left > 0 && (len(rest) == 0 || !same(rest[0], d)) {
			p.line("      … and %s (--all shows them)", plural(left, "more field"))
		}
	}
	err := p.flush()
	if len(list) == 0 {
		fmt.Fprintln(a.stderr, none)
	} else {
		fmt.Fprintf(a.stderr, "\n%s in %s%s\n", plural(len(list), "difference"), plural(sections, "section"), riskCounts(list))
	}
	return err
}

// field writes how a field changes: on one line where its values have room there,
// and otherwise line by line.
func (p *paper) field(d snapshot.Difference, how detail) {
	lines := p.hunk(d, how)
	if lines == nil {
		p.line("      %s %s", p.sign(d.Action), fieldText(d))
		return
	}
	p.line("      %s %s", p.sign(d.Action), printable(labelText(d))+":")
	shown := lines
	if len(lines) > fewLines && !how.Full {
		shown = lines[:fewLines]
	}
	for _, l := range shown {
		p.line("          %s", l)
	}
	if left := len(lines) - len(shown); left > 0 {
		p.line("          … and %s (--full shows them)", plural(left, "more line"))
	}
}

// hunk is how a field changes, line by line; nil where it fits on one line, or is
// not shown.
func (p *paper) hunk(d snapshot.Difference, how detail) []string {
	var out []string
	for _, l := range changedLines(d, how.Full) {
		out = append(out, p.marked(l))
	}
	return out
}

// marked colours a line of a hunk by its mark.
func (p *paper) marked(l string) string {
	switch text := printable(l); l[0] {
	case '-':
		return p.paint(red, text)
	case '+':
		return p.paint(green, text)
	default:
		return text
	}
}

// changedLines is how a field changes as the lines of a hunk, each behind its mark; nil
// where it fits on one line. With full it is all of both values, but for lines that
// stay; otherwise texts alone, for in other values the fields say more.
func changedLines(d snapshot.Difference, full bool) []string {
	if d.Hidden {
		return nil
	}
	var out []string
	add := func(mark string, values ...jsontext.Value) {
		for _, v := range values {
			for _, l := range snapshot.Lines(v) {
				out = append(out, mark+l)
			}
		}
	}
	long := func(v jsontext.Value) bool { return len(v) > maxValue || v.Kind() == '{' || v.Kind() == '[' }
	switch {
	case len(d.Added)+len(d.Removed) > 0:
		if !full || len(d.Added)+len(d.Removed) <= mostParts && !slices.ContainsFunc(d.Added, long) && !slices.ContainsFunc(d.Removed, long) {
			return nil
		}
		add("- ", d.Removed...)
		add("+ ", d.Added...)
	case !long(d.From) && !long(d.To):
		return nil
	case d.From != nil && d.To != nil && (full || d.From.Kind() == '"' && d.To.Kind() == '"' && d.FromAs+d.ToAs == ""):
		for _, l := range snapshot.SideBySide(snapshot.Lines(d.From), snapshot.Lines(d.To), beyond) {
			switch {
			case l.Gap:
				out = append(out, "  …")
			case !l.Gone && !l.New:
				out = append(out, "  "+l.From)
			}
			if l.Gone {
				out = append(out, "- "+l.From)
			}
			if l.New {
				out = append(out, "+ "+l.To)
			}
		}
	case full && d.From != nil:
		add("- ", d.From)
	case full && d.To != nil:
		add("+ ", d.To)
	}
	return out
}

// content writes what is in an entity or a file that is new or gone.
func (p *paper) content(d snapshot.Difference, how detail) {
	if d.Content == nil {
		return
	}
	p.steps(d, how)
	if !how.Full {
		p.line("      %s", p.paint(faint, fmt.Sprintf("%s in it (--full shows them)", plural(len(contentLines(d)), "line"))))
		return
	}
	for _, l := range contentLines(d) {
		p.line("          %s", p.marked(l))
	}
}

// markOf stands before the lines of what is new or gone.
func markOf(d snapshot.Difference) string {
	if d.Action == snapshot.Removed {
		return "- "
	}
	return "+ "
}

// contentLines are the lines of what is new or gone, each behind its mark.
func contentLines(d snapshot.Difference) []string {
	mark := markOf(d)
	var out []string
	add := func(v jsontext.Value) {
		for _, l := range snapshot.Lines(v) {
			out = append(out, mark+l)
		}
	}
	add(d.Content)
	for _, part := range d.Parts {
		out = append(out, "  "+part.File)
		add(part.Content)
	}
	return out
}

// steps writes the steps of a flow that is new or gone, with the ways between them.
func (p *paper) steps(d snapshot.Difference, how detail) {
	files := snapshot.Files{d.File: d.Content}
	for _, part := range d.Parts {
		files[part.File] = part.Content
	}
	mark := markOf(d)
	for _, f := range snapshot.Flows(snapshot.Files{}, files) {
		called := map[string]string{}
		for _, s := range f.Steps {
			called[s.Key] = cmp.Or(s.Name, s.Key)
		}
		for i, s := range f.Steps {
			if i == fewLines && !how.Full {
				p.line("          … and %s (--full shows them)", plural(len(f.Steps)-i, "more step"))
				break
			}
			text := called[s.Key] + " (" + cmp.Or(s.Does, s.Kind, "start") + ")"
			var ways []string
			for _, way := range s.Ways {
				ways = append(ways, strings.TrimLeft(way.On+" → ", " ")+cmp.Or(called[way.To], way.To))
			}
			if len(ways) > 0 {
				text += ": " + strings.Join(ways, ", ")
			}
			p.line("          %s", p.marked(mark+text))
		}
	}
}
