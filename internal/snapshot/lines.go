package snapshot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// longLine is how many bytes a line of markup has before it is broken at its tags.
const longLine = 120

// Lines writes a value as lines for people: a text as it is, broken at its tags
// where it is markup on one line; anything else as indented JSON, in which texts of
// several lines stand line by line behind a bar. Nothing of it is left out.
func Lines(v jsontext.Value) []string {
	var doc any
	if err := json.Unmarshal(v, &doc); err != nil {
		return []string{string(v)}
	}
	if text, ok := doc.(string); ok {
		return textLines(text)
	}
	w := &lineWriter{}
	w.value(v, "", "")
	return w.out
}

func textLines(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > longLine && strings.Contains(line, "><") {
			line = strings.ReplaceAll(line, "><", ">\n<")
		}
		out = append(out, strings.Split(line, "\n")...)
	}
	return out
}

// A lineWriter writes JSON as lines.
type lineWriter struct{ out []string }

func (w *lineWriter) line(format string, args ...any) {
	w.out = append(w.out, fmt.Sprintf(format, args...))
}

// value writes a value behind its name. Members are in the order
// of the document, which is canonical.
func (w *lineWriter) value(v jsontext.Value, indent, name string) {
	if kind := v.Kind(); kind == '{' || kind == '[' {
		w.items(v, indent, name)
		return
	}
	var text string
	if v.Kind() == '"' && json.Unmarshal(v, &text) == nil {
		if lines := textLines(text); len(lines) > 1 {
			w.line("%s%s", indent, strings.TrimSpace(name))
			for _, l := range lines {
				w.line("%s  | %s", indent, l)
			}
			return
		}
	}
	w.line("%s%s%s", indent, name, string(v))
}

// items writes an object or a list.
func (w *lineWriter) items(v jsontext.Value, indent, name string) {
	dec := jsontext.NewDecoder(strings.NewReader(string(v)))
	open, err := dec.ReadToken()
	if err != nil {
		return
	}
	first, isObject := true, open.Kind() == '{'
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		member := ""
		if isObject {
			key, err := dec.ReadValue()
			if err != nil {
				return
			}
			member = string(key) + ": "
		}
		item, err := dec.ReadValue()
		if err != nil {
			return
		}
		if first {
			w.line("%s%s%s", indent, name, open)
		}
		first = false
		w.value(item.Clone(), indent+"  ", member)
	}
	end := map[bool]string{true: "}", false: "]"}[isObject]
	if first {
		w.line("%s%s%s%s", indent, name, open, end)
		return
	}
	w.line("%s%s", indent, end)
}

// A LinePair is one line of two texts side by side. A line that one side does not
// have is blank there.
type LinePair struct {
	From, To       string
	Gone, New, Gap bool // a gap stands for lines that both have
}

// SideBySide lays two texts side by side: lines that both have stand beside each
// other, and of long parts that are the same only the ends are kept, around lines
// each.
func SideBySide(was, now []string, around int) []LinePair {
	head := 0
	for head < min(len(was), len(now)) && was[head] == now[head] {
		head++
	}
	tail := 0
	for tail < min(len(was), len(now))-head && was[len(was)-1-tail] == now[len(now)-1-tail] {
		tail++
	}
	var out []LinePair
	for _, l := range was[:head] {
		out = append(out, LinePair{From: l, To: l})
	}
	out = append(out, middle(was[head:len(was)-tail], now[head:len(now)-tail])...)
	for _, l := range was[len(was)-tail:] {
		out = append(out, LinePair{From: l, To: l})
	}
	return foldLines(out, around)
}

// mostCells bounds the table of the longest common part of two texts. Larger ones
// are shown as if they had none.
const mostCells = 1_000_000

func middle(was, now []string) []LinePair {
	var out []LinePair
	if len(was)*len(now) > mostCells {
		return pairLines(out, was, now)
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
			out = append(pairLines(out, gone, came), LinePair{From: was[i], To: now[j]})
			gone, came = nil, nil
			i, j = i+1, j+1
		case j == len(now) || i < len(was) && longest[i+1][j] >= longest[i][j+1]:
			gone, i = append(gone, was[i]), i+1
		default:
			came, j = append(came, now[j]), j+1
		}
	}
	return pairLines(out, gone, came)
}

// pairLines adds lines that are gone beside those that came instead.
func pairLines(out []LinePair, gone, came []string) []LinePair {
	for i := range max(len(gone), len(came)) {
		var l LinePair
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

func foldLines(list []LinePair, around int) []LinePair {
	near := make([]bool, len(list))
	for i, l := range list {
		if l.Gone || l.New {
			for j := max(0, i-around); j < min(len(list), i+around+1); j++ {
				near[j] = true
			}
		}
	}
	var out []LinePair
	for i, l := range list {
		switch {
		case near[i]:
			out = append(out, l)
		case i == 0 || near[i-1]:
			out = append(out, LinePair{Gap: true})
		}
	}
	return out
}
