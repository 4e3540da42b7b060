// Package ident makes and recognises ids: a prefix that names the kind ("P" a
// project, "K" a management key) and 27 base-62 digits. It leaves to its
// callers which prefix means what.
package ident

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
)

const (
	// digits is in ASCII order, so that ids sort as the numbers that they are.
	digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	// size is how many digits 20 bytes need: 62^27 > 2^160.
	size = 27

	// epoch moves the end of 32-bit seconds to the year 2150. It is the one of
	// KSUID, whose ids the clients of this protocol are used to.
	epoch = 1_400_000_000

	// longest bounds what is looked up or logged as an id; the longest known
	// form, a project id with a region, has 32.
	longest = 64
)

// New returns a new id: 6 bytes of time, to the 65,536th part of a second, and 14
// random bytes. Ids sort, byte by byte, in the order of the times at which they were
// made, so that rows of one moment stand side by side in an index.
func New(prefix string) string {
	var raw [20]byte
	now := time.Now()
	seconds := uint64(now.Unix() - epoch)                    //nolint:gosec // it is after that
	part := uint64(now.Nanosecond()) << 16 / 1e9             //nolint:gosec // it is not negative
	binary.BigEndian.PutUint64(raw[:], seconds<<32|part<<16) // fits until the year 2150
	_, _ = rand.Read(raw[6:])                                // never fails: crypto/rand ends the program instead
	return prefix + encode(raw)
}

// Derive returns the id that always belongs to parts: the same on every server
// and after every restart. The parts ("a", "bc") and ("ab", "c") differ, and so
// do two prefixes.
func Derive(prefix string, parts ...string) string {
	h := sha256.New()
	for _, s := range append([]string{prefix}, parts...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return prefix + encode([20]byte(h.Sum(nil)))
}

// Valid reports whether s may be an id with the given prefix. It is tolerant,
// for ids made elsewhere are imported and projects may be called "P1": the
// prefix, then letters and digits, 64 bytes at most.
func Valid(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || rest == "" || len(s) > longest {
		return false
	}
	return !strings.ContainsFunc(rest, func(r rune) bool { return !strings.ContainsRune(digits, r) })
}

// Random returns n random base-62 digits, each carrying 5.95 bits.
func Random(n int) string {
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:])
		for _, b := range buf {
			// 248 is the largest multiple of 62 in a byte: what is above would
			// make the first digits likelier than the last.
			if b < 248 && len(out) < n {
				out = append(out, digits[b%62])
			}
		}
	}
	return string(out)
}

// encode writes raw as one big-endian number with 27 digits.
func encode(raw [20]byte) string {
	var words [len(raw) / 4]uint32
	for i := range words {
		words[i] = binary.BigEndian.Uint32(raw[4*i:])
	}
	var out [size]byte
	for i := size - 1; i >= 0; i-- {
		rest := uint64(0)
		for j, w := range words { // long division by 62
			n := rest<<32 | uint64(w)
			words[j], rest = uint32(n/62), n%62 //nolint:gosec // n < 62<<32, so n/62 fits a word
		}
		out[i] = digits[rest]
	}
	return string(out[:])
}
