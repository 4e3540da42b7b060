package cli

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// A span is a piece of a document, in bytes.
type span struct{ from, to int }

// A token is a name or a scalar of a document.
type token struct {
	span
	pointer string
	name    bool
}

// tokensOf cuts a document into its names and scalars, as far as it is JSON.
// The second value is where the token begins at which it stops being so, or -1:
// a syntax error, a name that is there twice, or text that is not UTF-8.
func tokensOf(doc []byte) ([]token, int) {
	dec := jsontext.NewDecoder(bytes.NewReader(doc))
	var out []token
	for {
		start := tokenStart(doc, dec.InputOffset())
		tok, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			if at := snapshot.Broken(doc); at >= 0 && at < len(doc) { // where a second document begins
				return before(out, at), at
			}
			return out, -1
		}
		if err != nil {
			if at := snapshot.Broken(doc); at >= 0 {
				start = min(start, at)
			}
			return before(out, start), min(start, len(doc))
		}
		if strings.ContainsRune("{[}]", rune(tok.Kind())) {
			continue
		}
		kind, n := dec.StackIndex(dec.StackDepth())
		out = append(out, token{
			span: span{start, int(dec.InputOffset())}, pointer: string(dec.StackPointer()), name: kind == '{' && n%2 == 1,
		})
	}
}

// before returns the tokens that end before a place.
func before(tokens []token, place int) []token {
	return slices.DeleteFunc(tokens, func(t token) bool { return t.to > place })
}

// An excerpt is the line of a problem, and what to underline there, in
// characters from 0.
type excerpt struct {
	line     int
	text     string
	from, to int
}

// maxExcerpt is how many characters of a line are shown.
const maxExcerpt = 100

// What stands for a value that is not shown: for a text, and for a number, which
// would look like one of the wrong type in quotes.
const (
	maskText  = `"…"`
	maskOther = `…`
)

// placeOf is the place of a problem in its document.
func placeOf(doc []byte, p snapshot.Problem) position {
	if breaks(p.Code) {
		if _, broken := tokensOf(doc); broken >= 0 {
			return positionOf(doc, broken)
		}
	}
	return locate(doc, p.Pointer)
}

// breaks reports whether a problem makes a document none.
func breaks(code snapshot.Code) bool {
	return code == snapshot.CodeJSON || code == snapshot.CodeDuplicate || code == snapshot.CodeUTF8
}

// A page is a document to show lines of.
type page struct {
	doc    []byte
	tokens []token
	broken int                       // where it stops being JSON, or -1
	show   func(pointer string) bool // which of its values may be shown
}

func newPage(file string, doc []byte) *page {
	pg := &page{doc: doc}
	pg.tokens, pg.broken = tokensOf(doc)
	pg.show = snapshot.Showable(file, doc)
	return pg
}

// excerpt cuts out the line of a problem. Values that may not be shown are
// masked.
func (pg *page) excerpt(p snapshot.Problem) (excerpt, bool) {
	doc, tokens, broken, show := pg.doc, pg.tokens, pg.broken, pg.show
	target, ok := pg.target(p)
	if !ok {
		return excerpt{}, false
	}
	line := span{bytes.LastIndexByte(doc[:target.from], '\n') + 1, len(doc)}
	if n := bytes.IndexByte(doc[target.from:], '\n'); n >= 0 {
		line.to = target.from + n
	}
	d := drawing{doc: doc, target: target, at: line.from}
	for _, t := range tokens {
		if t.to <= line.from || t.from >= line.to || t.name || show(t.pointer) || harmless(doc[t.from:t.to]) {
			continue
		}
		d.copy(t.from)
		d.mask(t.to)
	}
	if broken >= 0 && broken < line.to { // what comes after is not read, so nobody knows what it is
		d.copy(max(broken, d.at))
		d.rest(line.to)
	}
	d.copy(line.to)
	d.mark()
	out := excerpt{line: bytes.Count(doc[:target.from], []byte("\n")) + 1, text: string(d.text), from: d.from, to: max(d.to, d.from+1)}
	return out.cropped(), true
}

// harmless reports whether a scalar can be no credential.
func harmless(scalar []byte) bool {
	switch string(scalar) {
	case "true", "false", "null", `""`, "0", `"` + snapshot.Placeholder + `"`:
		return true
	}
	return false
}

// target finds what to underline: the place where a document stops being one,
// or the name of a member and its value, where that is a scalar on one line.
func (pg *page) target(p snapshot.Problem) (span, bool) {
	doc, tokens, broken := pg.doc, pg.tokens, pg.broken
	if broken >= 0 && breaks(p.Code) {
		return span{broken, broken + 1}, true
	}
	if p.Pointer == "" || len(doc) == 0 {
		return span{}, false
	}
	start := offsetOf(doc, p.Pointer)
	if start == tokenStart(doc, 0) {
		return span{}, false // the file does not have the place: it comes from elsewhere
	}
	out := span{start, start + 1}
	for i, t := range tokens {
		if t.from != start {
			continue
		}
		out = t.span
		if t.name && t.pointer == p.Pointer && aboutValue(p.Code) && i+1 < len(tokens) && tokens[i+1].pointer == t.pointer &&
			!bytes.ContainsRune(doc[t.from:tokens[i+1].from], '\n') {
			out.to = tokens[i+1].to
		}
		break
	}
	return out, true
}

// aboutValue reports whether a problem is one of the value rather than of its name.
func aboutValue(code snapshot.Code) bool {
	return code != snapshot.CodeUnknownKey && code != snapshot.CodeDuplicate
}

// A drawing is a line as it is being written.
type drawing struct {
	doc      []byte
	target   span
	at       int // how far doc is read
	text     []rune
	from, to int
	began    bool
	ended    bool
}

// mark notes where the target begins and ends in the text.
func (d *drawing) mark() {
	if !d.began && d.at >= d.target.from {
		d.began, d.from = true, len(d.text)
	}
	if !d.ended && d.at >= d.target.to {
		d.ended, d.to = true, len(d.text)
	}
}

// copy writes the document up to an offset.
func (d *drawing) copy(to int) {
	for d.at < to {
		d.mark()
		r, n := utf8.DecodeRune(d.doc[d.at:])
		if r == '\t' {
			r = ' '
		}
		d.text = append(d.text, r)
		d.at += n
	}
	d.mark()
	if !d.ended {
		d.to = len(d.text)
	}
}

// mask writes the mask for the document up to an offset.
func (d *drawing) mask(to int) {
	d.mark()
	mask := maskOther
	if d.doc[d.at] == '"' {
		mask = maskText
	}
	d.text = append(d.text, []rune(mask)...)
	d.at = to
	if !d.ended {
		d.to = len(d.text)
	}
	d.mark()
}

// rest writes what is not JSON up to an offset, without its texts and numbers.
func (d *drawing) rest(to int) {
	for d.at < to {
		c := d.doc[d.at]
		if strings.IndexByte(" \t\r{}[]:,", c) >= 0 {
			d.copy(d.at + 1)
			continue
		}
		end := d.at + 1
		for end < to && (c == '"' && d.doc[end] != '"' || c != '"' && strings.IndexByte(" \t{}[]:,\"", d.doc[end]) < 0) {
			if d.doc[end] == '\\' {
				end++
			}
			end++
		}
		if c == '"' {
			end++
		}
		d.mask(min(end, to))
	}
}

// cropped bounds an excerpt to what is around the place.
func (e excerpt) cropped() excerpt {
	text := []rune(strings.TrimRight(printable(e.text), "\r "))
	e.from = min(e.from, len(text)) // at the end of a document that ends too early
	e.to = min(e.to, max(len(text), e.from+1))
	begin := 0
	if len(text) > maxExcerpt && e.from > maxExcerpt/2 {
		begin = min(e.from-maxExcerpt/4, len(text))
		text = append([]rune("…"), text[begin:]...)
		begin-- // the ellipsis
	}
	if len(text) > maxExcerpt {
		text = append(text[:maxExcerpt:maxExcerpt], '…')
	}
	e.from -= begin
	e.to = min(e.to-begin, max(len(text), e.from+1))
	e.text = string(text)
	return e
}
