package web

import (
	"cmp"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/project"
	"postern/internal/snapshot"
)

// A sectionView is what changes in one section, for a page.
type sectionView struct {
	Title    string
	Entities []*entityView
	Fields   int // how many lines it has
}

// Open reports whether a page shows the section unfolded.
func (s *sectionView) Open() bool { return s.Fields <= 60 }

// An entityView is what changes in an entity, or in a file without one.
type entityView struct {
	What   string // "connector", "file"
	Name   string
	File   string
	Was    string // the file that it was in
	Action string // of the whole of it; "changed" where only fields are
	Fields []fieldView

	Risks   []riskView        // of the whole of it
	Effects []snapshot.Effect // of it and its fields, in a plan
}

// A fieldView is one field that changes.
type fieldView struct {
	Label   string
	Path    string
	Action  string
	Hidden  bool
	Renames bool
	From    valueView
	To      valueView
	Lines   []lineView // of two texts of several lines, side by side
	Removed []string
	Added   []string
	Risks   []riskView
}

// A valueView is one value as a page shows it.
type valueView struct {
	There  bool
	Text   string
	Words  string // what it is in words
	Colour string // where it is one
}

// sectionsOf groups differences by section and entity. They come in the order of
// the table.
func sectionsOf(list []snapshot.Difference) []*sectionView {
	var out []*sectionView
	titles := sectionTitles()
	at := map[string]*sectionView{}
	entities := map[string]*entityView{}
	for _, d := range list {
		s := at[d.Section]
		if s == nil {
			s = &sectionView{Title: cmp.Or(titles[d.Section], "Files that no section has")}
			at[d.Section], out = s, append(out, s)
		}
		key := strings.Join([]string{d.Section, d.File, d.Kind, d.ID, d.Name}, "\x00")
		e := entities[key]
		if e == nil {
			e = &entityView{What: cmp.Or(d.Kind, "file"), Name: cmp.Or(d.Name, d.ID, d.File), File: d.File, Was: d.Was, Action: string(snapshot.Changed)}
			entities[key], s.Entities = e, append(s.Entities, e)
		}
		s.Fields++
		e.Effects = append(e.Effects, d.Effects...)
		if d.Field == "" {
			e.Action, e.Risks = string(d.Action), risksOf(d)
			continue
		}
		e.Fields = append(e.Fields, fieldOf(d))
	}
	return out
}

func sectionTitles() map[string]string {
	out := map[string]string{}
	for _, s := range snapshot.Sections {
		out[s.Name] = s.Title
	}
	return out
}

// mostLines bounds the texts that are laid side by side, in lines of both.
const mostLines = 4000

func fieldOf(d snapshot.Difference) fieldView {
	f := fieldView{
		Label: cmp.Or(d.Label, d.Field), Path: d.Field, Action: string(d.Action), Hidden: d.Hidden, Renames: d.Renames,
		From: valueOf(d.From, d.FromAs), To: valueOf(d.To, d.ToAs), Removed: texts(d.Removed), Added: texts(d.Added),
		Risks: risksOf(d),
	}
	if f.From.There && f.To.There && strings.Contains(f.From.Text+f.To.Text, "\n") {
		was, now := strings.Split(f.From.Text, "\n"), strings.Split(f.To.Text, "\n")
		if len(was)+len(now) <= mostLines {
			f.Lines = besides(was, now)
		}
	}
	return f
}

func risksOf(d snapshot.Difference) []riskView {
	var out []riskView
	for _, r := range d.Risks {
		out = append(out, riskView{r, d.What()})
	}
	return out
}

func valueOf(v jsontext.Value, words string) valueView {
	if v == nil {
		return valueView{}
	}
	text := textOf(v)
	return valueView{There: true, Text: text, Words: words, Colour: colourOf(text)}
}

// textOf writes a value for people: a text as it is, the rest as indented JSON.
func textOf(v jsontext.Value) string {
	var text string
	if v.Kind() == '"' && json.Unmarshal(v, &text) == nil {
		return text
	}
	indented := v.Clone()
	if err := indented.Indent(jsontext.WithIndent("  ")); err != nil {
		return string(v)
	}
	return string(indented)
}

func texts(list []jsontext.Value) []string {
	var out []string
	for _, v := range list {
		out = append(out, textOf(v))
	}
	return out
}

var colour = regexp.MustCompile(`^(#[0-9a-fA-F]{3,4}|#[0-9a-fA-F]{6}|#[0-9a-fA-F]{8}|(rgb|hsl)a?\([0-9., %]{5,40}\))$`)

// colourOf returns a text that is a colour, as an SVG takes it.
func colourOf(text string) string {
	if colour.MatchString(text) {
		return text
	}
	return ""
}

// A lineView is one line of two texts side by side. A line that one side does not
// have is blank there.
type lineView struct {
	From, To       string
	Gone, New, Gap bool
}

// besides lays two texts side by side: lines that both have stand beside each
// other, and of long parts that are the same only the ends are shown.
func besides(was, now []string) []lineView {
	head := 0
	for head < min(len(was), len(now)) && was[head] == now[head] {
		head++
	}
	tail := 0
	for tail < min(len(was), len(now))-head && was[len(was)-1-tail] == now[len(now)-1-tail] {
		tail++
	}
	var out []lineView
	for _, l := range was[:head] {
		out = append(out, lineView{From: l, To: l})
	}
	out = append(out, middle(was[head:len(was)-tail], now[head:len(now)-tail])...)
	for _, l := range was[len(was)-tail:] {
		out = append(out, lineView{From: l, To: l})
	}
	return folded(out)
}

// mostCells bounds the table of the longest common part of two texts. Larger ones
// are shown as if they had none.
const mostCells = 1_000_000

func middle(was, now []string) []lineView {
	var out []lineView
	if len(was)*len(now) > mostCells {
		return pairs(out, was, now)
	}
	longest := make([][]int, len(was)+1)
	for i := range longest {
		longest[i] = make([]int, len(now)+1)
	}
	for i, before := range slices.Backward(was) {
		for j, after := range slices.Backward(now) {
			if before == after {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	var gone, came []string
	for i, j := 0, 0; i < len(was) || j < len(now); {
		switch {
		case i < len(was) && j < len(now) && was[i] == now[j]:
			out = append(pairs(out, gone, came), lineView{From: was[i], To: now[j]})
			gone, came = nil, nil
			i, j = i+1, j+1
		case j == len(now) || i < len(was) && longest[i+1][j] >= longest[i][j+1]:
			gone, i = append(gone, was[i]), i+1
		default:
			came, j = append(came, now[j]), j+1
		}
	}
	return pairs(out, gone, came)
}

// pairs adds lines that are gone beside those that came instead.
func pairs(out []lineView, gone, came []string) []lineView {
	for i := range max(len(gone), len(came)) {
		var l lineView
		if i < len(gone) {
			l.From, l.Gone = gone[i], true
		}
		if i < len(came) {
			l.To, l.New = came[i], true
		}
		out = append(out, l)
	}
	return out
}

// around is how many lines that stay are shown around those that change.
const around = 3

func folded(list []lineView) []lineView {
	near := make([]bool, len(list))
	for i, l := range list {
		if l.Gone || l.New {
			for j := max(0, i-around); j < min(len(list), i+around+1); j++ {
				near[j] = true
			}
		}
	}
	var out []lineView
	for i, l := range list {
		switch {
		case near[i]:
			out = append(out, l)
		case i == 0 || near[i-1]:
			out = append(out, lineView{Gap: true})
		}
	}
	return out
}

// A secretView is what becomes of one secret, without its value.
type secretView struct {
	project.PlannedSecret
	What  string
	Does  string
	Risky bool
}

// Asked reports whether the page asks for the value.
func (s secretView) Asked() bool {
	return s.State == project.SecretMissing || s.State == project.SecretMoved
}

func secretsOf(list []project.PlannedSecret) (shown []secretView, same int) {
	for _, p := range list {
		if p.State == project.SecretSame {
			same++
			continue
		}
		shown = append(shown, secretView{
			p, fmt.Sprintf("%s of the %s %s", p.Field, snapshot.KindWords(p.Kind), cmp.Or(p.Name, p.ID)), p.State.Words(),
			slices.Contains([]project.SecretState{project.SecretRemoved, project.SecretMissing, project.SecretMoved, project.SecretFollows}, p.State),
		})
	}
	return shown, same
}

// swatch draws a colour. A style would not get past the policy of the pages.
func swatch(colour string) template.HTML {
	if colourOf(colour) == "" {
		return ""
	}
	return template.HTML(`<svg class="swatch" width="18" height="18" aria-hidden="true"><rect width="18" height="18" rx="4" fill="` + template.HTMLEscapeString(colour) + `"/></svg>`) //nolint:gosec // it is a colour and nothing else
}
