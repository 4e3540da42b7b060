package project

import (
	"cmp"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"postern/internal/fault"
	"postern/internal/snapshot"
)

// What an import says of itself and cannot be kept.
var (
	ErrMessage = fault.New(fault.Invalid, "E011003", "Request is invalid: the message may have at most 1000 characters, no control characters but new lines and tabs")
	ErrSource  = fault.New(fault.Invalid, "E011003", "Request is invalid: the source may have a commit of at most 100 characters, a branch of at most 250 and a repository of at most 500, each on one line; a repository that is a URL must not hold a name or a password")
	ErrWithin  = fault.New(fault.Invalid, "E011003", `Request is invalid: confirmWithin must be a length of time from "10s" to "24h", such as "10m"`)
)

// The bounds of how long a confirmation is waited for.
const (
	minWithin = 10 * time.Second
	maxWithin = 24 * time.Hour
)

// kind is what asks for an import.
func (in Import) kind() Kind { return cmp.Or(in.Kind, KindImport) }

// checkWords refuses an import for what it says beside its files.
func (in Import) checkWords() error {
	if err := checkMessage(in.Upload.Message); err != nil {
		return err
	}
	if err := checkSource(in.Upload.Source); err != nil {
		return err
	}
	if _, err := in.within(); err != nil {
		return err
	}
	if err := checkLeave(in.Upload.AllowWeakening); err != nil {
		return err
	}
	if in.About != nil {
		return in.About.check()
	}
	return nil
}

// within is how long a confirmation is waited for; 0 is not at all.
func (in Import) within() (time.Duration, error) {
	if in.Upload.Within == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(in.Upload.Within)
	if err != nil || d < minWithin || d > maxWithin {
		return 0, ErrWithin
	}
	return d, nil
}

// checkMessage refuses what is no text for people, or what a database does not
// keep as it is.
func checkMessage(message string) error {
	for line := range strings.FieldsFuncSeq(message, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }) {
		if hasControl(line) {
			return ErrMessage
		}
	}
	if !utf8.ValidString(message) || utf8.RuneCountInString(message) > 1000 {
		return ErrMessage
	}
	return nil
}

// checkSource refuses a source that is too long or steers a terminal, and one
// whose repository brings a credential along, as remotes in CI do.
func checkSource(s snapshot.Source) error {
	for _, word := range []struct {
		text string
		most int
	}{{s.Commit, 100}, {s.Branch, 250}, {s.Repository, 500}} {
		if !utf8.ValidString(word.text) || utf8.RuneCountInString(word.text) > word.most || hasControl(word.text) {
			return ErrSource
		}
	}
	if !strings.Contains(s.Repository, "://") {
		return nil
	}
	u, err := url.Parse(s.Repository)
	if err != nil || u.User != nil && u.Scheme != "ssh" {
		return ErrSource
	}
	if _, password := u.User.Password(); password {
		return ErrSource
	}
	return nil
}
