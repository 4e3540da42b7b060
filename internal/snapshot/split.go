package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// A splitter cuts an object of JSON into its members while it comes in. It looks for
// where a value ends, by quotation marks and brackets, and for nothing else: most
// values are documents that are known already, and the others are read whole by
// whoever gets them. Whoever takes a value must judge it, or know it.
type splitter struct {
	src    io.Reader
	err    error  // of src; there is no more
	buf    []byte // what has come in; values are cut out of it and not copied
	at     int    // what is before that is used
	before int64  // bytes of the body before buf

	unquoted []byte // the last name
}

const (
	firstChunk = 64 << 10 // bytes of the first buffer; each is twice as large as the one before
	lastChunk  = 1 << 20
	leastRead  = 4 << 10

	// maxNesting is how deep the JSON library reads.
	maxNesting = 10_000
)

var errTooDeep = ErrBody.WithMessage("the body is nested too deeply")

// notJSON is the error of a body that is none from a byte on.
func notJSON(at int64) error {
	return ErrBody.WithMessage(fmt.Sprintf("the body is not JSON (at byte %d)", at))
}

// lax is how the body is read: names and text are judged file by file, so that one
// bad file does not hide what is wrong with the others.
func lax() []jsontext.Options {
	return []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
}

// judge returns what is wrong with a value at a place of the body, if it is no JSON.
func judge(value []byte, at int64) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(value), lax()...) // of a buffer it makes no copy
	if _, err := dec.ReadValue(); err != nil {
		return bodyError(err, at)
	}
	if dec.InputOffset() < int64(len(value)) {
		return notJSON(at + dec.InputOffset())
	}
	return nil
}

// offset is that of the next byte in the body.
func (s *splitter) offset() int64 { return s.before + int64(s.at) }

// more reads more of the body. Where the buffer is full, what is not used yet moves
// to another one.
func (s *splitter) more() error {
	if s.err != nil {
		return s.err
	}
	if cap(s.buf)-len(s.buf) < leastRead {
		rest := s.buf[s.at:]
		room := max(min(2*cap(s.buf), lastChunk), 2*len(rest), firstChunk)
		s.before += int64(s.at)
		s.buf, s.at = append(make([]byte, 0, room), rest...), 0
	}
	var n int
	for tries := 0; n == 0 && s.err == nil; tries++ {
		if n, s.err = s.src.Read(s.buf[len(s.buf):cap(s.buf)]); tries == 100 {
			s.err = io.ErrNoProgress
		}
	}
	s.buf = s.buf[:len(s.buf)+n]
	if n > 0 {
		return nil
	}
	return s.err
}

// need is more where the body must not end.
func (s *splitter) need() error {
	err := s.more()
	if errors.Is(err, io.EOF) {
		return notJSON(s.before + int64(len(s.buf)))
	}
	return err
}

// peek returns the next byte that is not blank. At the end of the body it is io.EOF.
func (s *splitter) peek() (byte, error) {
	for {
		for ; s.at < len(s.buf); s.at++ {
			switch c := s.buf[s.at]; c {
			case ' ', '\t', '\n', '\r':
			default:
				return c, nil
			}
		}
		if err := s.more(); err != nil {
			return 0, err
		}
	}
}

// next is peek where the body must not end.
func (s *splitter) next() (byte, error) {
	c, err := s.peek()
	if errors.Is(err, io.EOF) {
		err = notJSON(s.offset())
	}
	return c, err
}

// take takes one byte, which must be that one.
func (s *splitter) take(want byte) error {
	c, err := s.next()
	if err == nil && c != want {
		err = notJSON(s.offset())
	}
	s.at++
	return err
}

// object reads an object and calls member for each name; member takes the value.
func (s *splitter) object(member func(name string) error) error {
	return s.parts('{', '}', func() error {
		name, err := s.name()
		if err != nil {
			return err
		}
		if err := s.take(':'); err != nil {
			return err
		}
		return member(name)
	})
}

// list reads a list and calls item for each of its values, which takes it.
func (s *splitter) list(item func() error) error { return s.parts('[', ']', item) }

// parts reads what stands between brackets and has commas between its parts.
func (s *splitter) parts(open, shut byte, part func() error) error {
	if err := s.take(open); err != nil {
		return err
	}
	if c, err := s.next(); err != nil || c == shut {
		s.at++
		return err
	}
	for {
		if err := part(); err != nil {
			return err
		}
		switch c, err := s.next(); {
		case err != nil:
			return err
		case c == shut:
			s.at++
			return nil
		}
		if err := s.take(','); err != nil {
			return err
		}
	}
}

// name takes the name of a member. What is not UTF-8 in it is U+FFFD.
func (s *splitter) name() (string, error) {
	if c, err := s.next(); err != nil {
		return "", err
	} else if c != '"' {
		return "", notJSON(s.offset())
	}
	raw, at, err := s.value()
	if err != nil {
		return "", err
	}
	if s.unquoted, err = jsontext.AppendUnquote(s.unquoted[:0], raw); err != nil {
		err = judge(raw, at)
	}
	return string(s.unquoted), err
}

// value takes a value as it is written, and says where it stands.
func (s *splitter) value() (value []byte, at int64, err error) {
	c, err := s.next()
	if err != nil {
		return nil, 0, err
	}
	n := 0
	switch c {
	case '{', '[':
		n, err = s.nested()
	case '"':
		n, err = s.quoted(0)
	default:
		n, err = s.word()
	}
	if err != nil {
		return nil, 0, err
	}
	value, at = s.buf[s.at:s.at+n:s.at+n], s.offset()
	s.at += n
	return value, at, nil
}

// brackets says what a byte outside of a string does to the depth.
var brackets = [256]int8{'{': 1, '[': 1, '}': -1, ']': -1}

// nested returns how long the object or list is that begins here.
func (s *splitter) nested() (int, error) {
	n, depth := 0, 0
	for {
		rest := s.buf[s.at+n:]
		quote := bytes.IndexByte(rest, '"')
		if quote >= 0 {
			rest = rest[:quote]
		}
		for i, c := range rest {
			if depth += int(brackets[c]); depth == 0 {
				return n + i + 1, nil
			}
		}
		if depth > maxNesting {
			return 0, errTooDeep
		}
		n += len(rest)
		if quote < 0 {
			if err := s.need(); err != nil {
				return 0, err
			}
			continue
		}
		long, err := s.quoted(n)
		if err != nil {
			return 0, err
		}
		n += long
	}
}

// quoted returns how long the string is that begins n bytes from here.
func (s *splitter) quoted(n int) (int, error) {
	long := 1
	for {
		text := s.buf[s.at+n:]
		quote := bytes.IndexByte(text[long:], '"')
		if quote < 0 {
			long = len(text)
			if err := s.need(); err != nil {
				return 0, err
			}
			continue
		}
		long += quote + 1
		if !escapes(text[1 : long-1]) {
			return long, nil
		}
	}
}

// escapes reports whether the last byte of a text takes its meaning from the byte
// after it.
func escapes(text []byte) bool {
	odd := false
	for i := len(text) - 1; i >= 0 && text[i] == '\\'; i-- {
		odd = !odd
	}
	return odd
}

// word returns how long the number or literal is that begins here.
func (s *splitter) word() (int, error) {
	n := 0
	for {
		rest := s.buf[s.at+n:]
		if end := bytes.IndexAny(rest, ",:]} \t\r\n\""); end >= 0 {
			return n + end, nil
		}
		n += len(rest)
		if err := s.need(); err != nil {
			return 0, err
		}
	}
}
