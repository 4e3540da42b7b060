package snapshot

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// WriteReference writes what a snapshot may hold as Markdown: every section,
// file and key, the exclude keys, the connector types and the codes of
// problems. All of it is read from the table and the schemas.
func WriteReference(w io.Writer) error {
	r := &reference{}
	r.line("# Snapshot reference")
	r.line("")
	r.line("Generated from the table of sections and from the schemas by `go run ./internal/tools/reference`; do not edit it.")
	r.line("The server reads format versions 1 to %d and writes version %d.", Version, Version)
	r.howToRead()
	r.contents()
	r.excludeKeys()
	for i := range Sections {
		r.section(&Sections[i])
	}
	r.beside()
	r.connectorTypes()
	r.shapes()
	r.codes()
	r.riskCodes()
	_, err := w.Write(r.out.Bytes())
	return err
}

// reference is the page as far as it is written.
type reference struct{ out bytes.Buffer }

func (r *reference) line(format string, args ...any) { fmt.Fprintf(&r.out, format+"\n", args...) }

func (r *reference) heading(level int, format string, args ...any) {
	r.line("")
	r.line(strings.Repeat("#", level)+" "+format, args...)
	r.line("")
}

// row writes one row of a table.
func (r *reference) row(cells ...string) {
	for _, c := range cells {
		r.out.WriteString("| " + cell(c) + " ")
	}
	r.out.WriteString("|\n")
}

func (r *reference) table(heads ...string) {
	r.row(heads...)
	r.line("%s|", strings.Repeat("|---", len(heads)))
}

// cell makes a text fit for a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ").Replace(s)
}

// code writes a text as code.
func code(s string) string {
	switch {
	case s == "":
		return "blank"
	case strings.Contains(s, "`"):
		return "`` " + s + " ``"
	default:
		return "`" + s + "`"
	}
}

func codes(list []string, join string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = code(s)
	}
	return strings.Join(out, join)
}

// slug is the anchor that a heading gets.
func slug(heading string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			return c
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case c == ' ':
			return '-'
		default:
			return -1
		}
	}, heading)
}

func (r *reference) howToRead() {
	r.heading(2, "How to read this page")
	r.line("- A key is written as its path in the document: `a.b` is a member, `a[]` an item of a list, `a.*` a value of a map.")
	r.line("- A *settings object* keeps what an import leaves out; `null` resets a key to its default. Every other list and object")
	r.line("  is taken as it comes, but for what is built in, which is never removed.")
	r.line("- An *entity* is a thing with an id. *Matched by name* means that it is found in another environment by its name and keeps")
	r.line("  the id that it has there.")
	r.line("- *Meant as* names a format, such as `uri`, that editors know and the server does not check.")
	r.line("- A *secret* is never exported; `%s` or a blank text stands for the stored one.", Placeholder)
	r.line("- A *destination* says where an entity's secrets are sent. If it changes, stored secrets are not carried over.")
	r.line("- *Weaker* names the change that weakens security, *look* one that a person should look at, each with its")
	r.line("  [risk code](#risk-codes). What is said of an object goes for its keys, too, up to the next that says something of its own.")
	r.line("- A key or file that is not on this page is kept and exported again, with a warning.")
}

func (r *reference) contents() {
	r.heading(2, "Sections")
	r.table("Exclude key", "Section", "Files", "What it holds")
	for _, s := range Sections {
		var patterns []string
		for _, f := range s.Files {
			patterns = append(patterns, code(f.Pattern))
		}
		key := "none"
		if slices.Contains(excludable(), s.Name) {
			key = code(s.Name)
		}
		r.row(key, "["+s.Title+"](#"+slug(sectionHeading(s))+")", strings.Join(patterns, ", "), s.Doc)
	}
}

func sectionHeading(s Section) string { return s.Title + " (`" + s.Name + "`)" }

// excludeKeys writes every exclude key and what it leaves untouched.
func (r *reference) excludeKeys() {
	leaves := map[string][]string{}
	for _, s := range Sections {
		if slices.Contains(excludable(), s.Name) {
			leaves[s.Name] = append(leaves[s.Name], "the section "+s.Title)
		}
		for _, f := range s.Files {
			if f.Schema == "" {
				continue
			}
			props, _ := schemas().docs[f.Schema+schemaSuffix]["properties"].(map[string]any)
			for _, k := range sortedKeys(props) {
				for _, exclude := range said(props[k]).Exclude {
					leaves[exclude] = append(leaves[exclude], code(k)+" in "+code(f.Pattern))
				}
			}
		}
	}
	r.heading(2, "Exclude keys")
	r.table("Key", "What the target keeps")
	for _, k := range ExcludeKeys() {
		what := strings.Join(leaves[k], ", ")
		if what == "" {
			what = "nothing: the key is accepted, its setting no longer exists"
		}
		r.row(code(k), what)
	}
}

func (r *reference) section(s *Section) {
	r.heading(2, "%s", sectionHeading(*s))
	r.line("%s", s.Doc)
	r.files(s.Files)
}

func (r *reference) files(list []File) {
	for i := range list {
		f := &list[i]
		r.heading(3, "%s", code(f.Pattern))
		if f.Schema == "" {
			r.line("Kept as it is.")
			continue
		}
		doc := schemas().docs[f.Schema+schemaSuffix]
		r.line("%s", text(doc, "description"))
		if f.Lists != "" {
			r.line("An index: %s lists each {%s}, and only what it lists is imported.", code(f.Lists), f.Governs)
		}
		if f.Needed {
			r.line("Must be there for each name that its index lists.")
		}
		if f.Kind != "" {
			r.line("Its entity is of the kind %s.", code(f.Kind))
		}
		r.keys(doc)
	}
}

// keys writes the facts of a document's root and the table of its keys.
func (r *reference) keys(doc map[string]any) {
	if facts := append(objectFacts(doc), riskFacts(said(doc))...); len(facts) > 0 {
		r.line("%s", strings.Join(facts, " "))
	}
	k := &keyList{}
	k.members(doc, "", "")
	r.line("")
	if len(k.rows) == 0 {
		r.line("It has no keys of its own that are known.")
		return
	}
	r.table("Key", "Type", "Default", "Allowed", "What it is")
	for _, row := range k.rows {
		r.row(row...)
	}
}

// beside writes the files that travel with a snapshot.
func (r *reference) beside() {
	r.heading(2, "Files that travel beside")
	r.line("They lie in the folder, the archive or the body like the others, and are no part of the configuration: an import reads them and")
	r.line("keeps none of them, and its digest does not cover them.")
	r.line("")
	r.line("A text in any other document that is %s and nothing else is a placeholder: the value of that name in the", code(environmentPrefix+"NAME}"))
	r.line("environment that the import names stands there, which is no secret.")
	r.files(Beside)
}

func (r *reference) connectorTypes() {
	types := ConnectorTypes()
	r.heading(2, "Connector types")
	r.line("The %d types that are known. The keys are those of `configuration` in `connectors/{slug}.json`.", len(types))
	for _, kind := range types {
		doc := schemas().docs["connector/"+kind+schemaSuffix]
		r.heading(3, "%s: %s", code(kind), text(doc, "title"))
		r.line("%s", text(doc, "description"))
		r.keys(doc)
	}
}

// shapes writes what several keys share.
func (r *reference) shapes() {
	r.heading(2, "Shared shapes")
	r.line("Shapes of objects and lists that the keys above refer to.")
	for _, name := range sortedKeys(schemas().docs) {
		defs, _ := schemas().docs[name]["$defs"].(map[string]any)
		for _, shape := range sortedKeys(defs) {
			doc, _ := defs[shape].(map[string]any)
			r.heading(3, "Shape %s", shape)
			r.line("%s", text(doc, "description"))
			r.keys(doc)
		}
	}
}

func (r *reference) codes() {
	r.heading(2, "Problem codes")
	r.line("The `code` of a problem in `details`. Codes of whole answers are in [errors.md](errors.md).")
	r.line("")
	r.table("Code", "What it means")
	for _, c := range Codes {
		r.row(code(string(c.Code)), c.Doc)
	}
}

// said returns our keywords of a schema as it is written.
func said(v any) keywords {
	doc, _ := v.(map[string]any)
	own := map[string]any{}
	for k, v := range doc {
		if strings.HasPrefix(k, "x-") {
			own[k] = v
		}
	}
	var out keywords
	b, err := json.Marshal(own)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	must(err)
	return out
}

func text(doc map[string]any, member string) string {
	s, _ := doc[member].(string)
	return s
}

// literal writes a JSON value as code.
func literal(v any) string {
	if v == "" {
		return "blank"
	}
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.EscapeForHTML(false))
	must(err)
	if s, ok := v.(string); ok {
		return code(s)
	}
	return code(string(b))
}

func literals(list []any, join string) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = literal(v)
	}
	return strings.Join(out, join)
}
