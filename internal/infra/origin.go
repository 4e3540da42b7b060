package infra

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"postern/internal/snapshot"
)

// An origin says which part of the data a part of a file was made of.
type origin struct {
	file, pointer string
	mark
}

// A mark is where an object of the upload stood in the data.
type mark struct {
	at     string
	rename map[string]string // members of the object to those of the data
	whole  bool              // nothing in it can be told apart
}

// mark notes where an object of the upload came from.
func (w *writer) mark(obj map[string]any, m mark) { w.marks[reflect.ValueOf(obj).Pointer()] = m }

// trace finds the marked objects of a finished document.
func (w *writer) trace(file, pointer string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if m, ok := w.marks[reflect.ValueOf(v).Pointer()]; ok {
			w.request.origins = append(w.request.origins, origin{file, pointer, m})
		}
		for k, sub := range v {
			w.trace(file, pointer+"/"+escape(k), sub)
		}
	case []any:
		for i, sub := range v {
			w.trace(file, fmt.Sprintf("%s/%d", pointer, i), sub)
		}
	}
}

// breach reports something that is wrong with the data.
func (w *writer) breach(pointer, format string, args ...any) {
	w.problems = append(w.problems, snapshot.Problem{
		Pointer: pointer, Code: snapshot.CodeRule, Level: snapshot.Error, Message: fmt.Sprintf(format, args...),
	})
}

// Place puts problems with the upload where the data has what they are about.
func (r *Request) Place(problems []snapshot.Problem) []snapshot.Problem {
	out := slices.Clone(problems)
	for i := range out {
		p := &out[i]
		best := -1
		for j, o := range r.origins {
			if o.file == p.File && within(p.Pointer, o.pointer) && (best < 0 || len(o.pointer) > len(r.origins[best].pointer)) {
				best = j
			}
		}
		if best >= 0 {
			p.File, p.Pointer = "", r.origins[best].place(p.Pointer)
		}
	}
	slices.SortStableFunc(out, func(a, b snapshot.Problem) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.File, b.File), cmp.Compare(a.Pointer, b.Pointer))
	})
	return out
}

func within(pointer, prefix string) bool {
	rest, ok := strings.CutPrefix(pointer, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

func (o origin) place(pointer string) string {
	rest := pointer[len(o.pointer):]
	if rest == "" || o.whole {
		return o.at
	}
	member, more, deeper := strings.Cut(rest[1:], "/")
	if name, ok := o.rename[member]; ok {
		member = name
	}
	if deeper {
		member += "/" + more
	}
	return o.at + "/" + member
}

// Text writes the problems that are errors in the words of the data, for
// clients that show only text.
func Text(problems []snapshot.Problem, most int) string {
	var lines []string
	more := 0
	for _, p := range problems {
		switch {
		case p.Level != snapshot.Error:
		case len(lines) >= most:
			more++
		default:
			lines = append(lines, line(p))
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// line writes one problem: "The name field must be there (data.lists.0.name)".
// What is wrong stands first, because clients break long lines.
func line(p snapshot.Problem) string {
	where := p.File
	if where == "" {
		where = Path(p.Pointer)
	} else if p.Pointer != "" {
		where += "#" + p.Pointer
	}
	message := p.Message
	if strings.HasPrefix(message, "must ") || strings.HasPrefix(message, "is ") {
		message = "The " + unescape(p.Pointer[strings.LastIndexByte(p.Pointer, '/')+1:]) + " field " + message
	}
	notes := slices.DeleteFunc([]string{where, p.Hint}, func(s string) bool { return s == "" })
	if len(notes) == 0 {
		return message
	}
	return message + " (" + strings.Join(notes, "; ") + ")"
}

// Path writes a pointer with dots, as people write paths into data.
func Path(pointer string) string {
	segs := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i := range segs {
		segs[i] = unescape(segs[i])
	}
	return strings.Join(segs, ".")
}
