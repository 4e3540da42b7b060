package web

import (
	"cmp"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"

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

	Content []contentView     // of one that is new or gone: what is in it
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
	Lines   []snapshot.LinePair // of two texts of several lines, side by side
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
	room := maxContent
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
			e.Action, e.Risks, e.Content = string(d.Action), risksOf(d), contentOf(d, &room)
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

// around is how many lines that stay are shown around those that change.
const around = 3

// mostLines bounds the texts that are laid side by side, in lines of both.
const mostLines = 4000

func fieldOf(d snapshot.Difference) fieldView {
	f := fieldView{
		Label: cmp.Or(d.Label, d.Field), Path: d.Field, Action: string(d.Action), Hidden: d.Hidden, Renames: d.Renames,
		From: valueOf(d.From, d.FromAs), To: valueOf(d.To, d.ToAs), Removed: texts(d.Removed), Added: texts(d.Added),
		Risks: risksOf(d),
	}
	if f.From.There && f.To.There {
		was, now := snapshot.Lines(d.From), snapshot.Lines(d.To)
		if n := len(was) + len(now); n > 2 && n <= mostLines {
			f.Lines = snapshot.SideBySide(was, now, around)
		}
	}
	return f
}

// A contentView is what a file says that is new or gone.
type contentView struct {
	File string
	Text string
	Long bool // it has no room on the page
}

// maxContent bounds what a page shows of things that are new or gone, in bytes: a
// page of a first import would be as large as the project.
const maxContent = 1 << 20

// contentOf shows what is in a thing that is new or gone, as far as there is room.
func contentOf(d snapshot.Difference, room *int) []contentView {
	var out []contentView
	add := func(file string, content jsontext.Value) {
		if *room -= len(content); *room < 0 {
			out = append(out, contentView{File: file, Long: true})
			return
		}
		out = append(out, contentView{File: file, Text: textOf(content)})
	}
	if d.Content != nil {
		add(d.File, d.Content)
	}
	for _, p := range d.Parts {
		add(p.File, p.Content)
	}
	return out
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

// textOf writes a value for people, whole.
func textOf(v jsontext.Value) string { return strings.Join(snapshot.Lines(v), "\n") }

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
