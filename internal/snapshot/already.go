package snapshot

import (
	"bytes"
	"unicode/utf8"
)

// alreadyCanonical reports whether bytes are a document in canonical form, as exports
// are, and within the bounds that canonical sets. It looks at each byte once, where to
// bring a document into that form reads it three times. It takes nothing for granted of
// them; of what is rare, such as an escape in a string or an exponent, it says no.
func alreadyCanonical(doc []byte) bool {
	r := recogniser{doc: doc}
	return r.value(0) && r.at == len(doc) && r.values <= maxValues
}

// A recogniser goes through a document. Each of its functions goes past something, if
// that is there in the only form in which it is known to be canonical.
type recogniser struct {
	doc    []byte
	at     int
	values int // counted as moreValues does
}

func (r *recogniser) value(depth int) bool {
	if r.at == len(r.doc) {
		return false
	}
	switch r.doc[r.at] {
	case '{':
		return r.object(depth + 1)
	case '[':
		return r.list(depth + 1)
	case '"':
		text, ascii := r.text()
		return text != nil && (ascii || utf8.Valid(text))
	case 't':
		return r.word("true")
	case 'f':
		return r.word("false")
	case 'n':
		return r.word("null")
	}
	return r.number()
}

// object goes past an object. Of names in ASCII the order by bytes is that of RFC 8785
// §3.2.3, and one that is greater than the last is not there twice.
func (r *recogniser) object(depth int) bool {
	if depth > maxDepth || !r.word("{") {
		return false
	}
	r.values++
	if r.word("}") {
		return true
	}
	var last []byte // nil before the first
	for {
		name, ascii := r.text()
		if name == nil || !ascii || len(name) > maxName || last != nil && bytes.Compare(last, name) >= 0 {
			return false
		}
		last = name
		if !r.word(":") || !r.value(depth) {
			return false
		}
		if r.word("}") {
			return true
		}
		if !r.word(",") {
			return false
		}
		r.values++
	}
}

func (r *recogniser) list(depth int) bool {
	if depth > maxDepth || !r.word("[") {
		return false
	}
	r.values++
	if r.word("]") {
		return true
	}
	for {
		if !r.value(depth) {
			return false
		}
		if r.word("]") {
			return true
		}
		if !r.word(",") {
			return false
		}
		r.values++
	}
}

func (r *recogniser) word(w string) bool {
	if len(r.doc)-r.at < len(w) || string(r.doc[r.at:r.at+len(w)]) != w {
		return false
	}
	r.at += len(w)
	return true
}

// text goes past a string, and returns what is in it and whether all of it is ASCII;
// nil where anything is written with an escape, or should be.
func (r *recogniser) text() (text []byte, ascii bool) {
	if !r.word(`"`) {
		return nil, false
	}
	ascii = true
	rest := r.doc[r.at:]
	for i, c := range rest {
		switch {
		case c == '"':
			r.at += i + 1
			return rest[:i:i], ascii
		case c == '\\', c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// number goes past a number that is written as RFC 8785 §3.2.2.3 writes it. A decimal
// of 15 digits comes back from a double as it was, and one below a millionth is written
// with an exponent.
func (r *recogniser) number() bool {
	const most, mostBehind = 15, 6 // digits
	negative := r.word("-")
	before := r.digits()
	if len(before) == 0 || len(before) > 1 && before[0] == '0' {
		return false
	}
	var behind []byte
	if r.word(".") {
		if behind = r.digits(); len(behind) == 0 || len(behind) > mostBehind || behind[len(behind)-1] == '0' {
			return false
		}
	}
	if len(before)+len(behind) > most || negative && before[0] == '0' && len(behind) == 0 {
		return false
	}
	return r.at == len(r.doc) || r.doc[r.at] != 'e' && r.doc[r.at] != 'E'
}

func (r *recogniser) digits() []byte {
	from := r.at
	for r.at < len(r.doc) && '0' <= r.doc[r.at] && r.doc[r.at] <= '9' {
		r.at++
	}
	return r.doc[from:r.at]
}
