package snapshot

import (
	"bytes"
	"unicode/utf8"
)

// alreadyCanonical reports whether a document is in canonical form, as exports are, and
// within the bounds that canonical sets. It looks at each byte once, where to bring a
// document into that form reads it three times. doc is JSON; of what is rare, such as
// an escape in a string or an exponent, it does not know and says no.
func alreadyCanonical(doc []byte) bool {
	var names [][]byte // of each level the name of the last member
	values := 0
	for i := 0; i < len(doc); {
		switch c := doc[i]; c {
		case '{', '[':
			names = append(names, nil)
			if len(names) > maxDepth {
				return false
			}
			values++
			i++
		case '}', ']':
			names = names[:len(names)-1]
			i++
		case ',':
			values++
			i++
		case ':':
			i++
		case 't', 'n':
			i += len("true")
		case 'f':
			i += len("false")
		case '"':
			text, ascii := plainString(doc[i+1:])
			if text == nil || !ascii && !utf8.Valid(text) {
				return false
			}
			i += len(text) + 2
			if i == len(doc) || doc[i] != ':' {
				continue
			}
			// Of names in ASCII the order by bytes is that of RFC 8785 §3.2.3, and
			// one that is greater than the last is not there twice.
			last := &names[len(names)-1]
			if !ascii || len(text) > maxName || *last != nil && bytes.Compare(*last, text) >= 0 {
				return false
			}
			*last = text
		default:
			n := plainNumber(doc[i:])
			if n == 0 {
				return false // or it is a space
			}
			i += n
		}
	}
	return values <= maxValues
}

// plainString returns what stands before the quotation mark, and whether all of it is
// ASCII; nil where anything is written with an escape.
func plainString(b []byte) (text []byte, ascii bool) {
	ascii = true
	for i, c := range b {
		switch {
		case c == '"':
			return b[:i], ascii
		case c == '\\':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// plainNumber returns the length of a number that is written as RFC 8785 §3.2.2.3
// writes it, or 0. A decimal of 15 digits comes back from a double as it was.
func plainNumber(b []byte) int {
	const most, mostBehind = 15, 6 // digits; 0.0000001 is written with an exponent
	digits, behind, i := 0, -1, 0
	if b[0] == '-' {
		i++
	}
loop:
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case '0' <= c && c <= '9':
			digits++
			if behind >= 0 {
				behind++
			}
		case c == '.':
			behind = 0
		case c == 'e', c == 'E':
			return 0
		default:
			break loop
		}
	}
	switch {
	case digits > most, behind > mostBehind, behind > 0 && b[i-1] == '0', b[0] == '-' && digits == 1 && b[1] == '0':
		return 0
	}
	return i
}
