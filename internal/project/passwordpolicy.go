package project

import (
	"fmt"
	"strings"
	"time"

	"postern/internal/snapshot"
)

// CheckPasswordPolicy says what is wrong with a policy that somebody has instead of
// the project's: text is what PasswordFile would be. It is a snapshot.ErrInvalid with
// the problems, as an import of the same would be.
func CheckPasswordPolicy(text []byte) error {
	content, problems := snapshot.FileFromBytes(PasswordFile, text)
	up := &snapshot.Upload{Files: snapshot.Files{PasswordFile: content}, Problems: problems}
	if content == nil {
		delete(up.Files, PasswordFile)
	}
	out, err := snapshot.Check(up, snapshot.Base{}, &snapshot.Cache{})
	if err != nil {
		return fmt.Errorf("check a password policy: %w", err)
	}
	if out.Failed() {
		return snapshot.ErrInvalid.WithMessage("Request is invalid: the password settings are not valid").With(&Report{out.Problems, out.Missing})
	}
	return nil
}

// Own returns the policy of somebody who has one instead of the project's, which is
// p: text is what CheckPasswordPolicy accepts. Messages, and whether errors are
// masked, are the project's in any case, and so is that there are passwords at all.
func (p PasswordMethod) Own(text []byte) (PasswordMethod, error) {
	var file methodFile
	if err := readOver(PasswordFile, text, &file); err != nil {
		return p, fmt.Errorf("read a password policy: %w", err)
	}
	own := file.password()
	own.Enabled = own.Enabled && p.Enabled
	own.Email, own.MaskErrors = p.Email, p.MaskErrors
	return own, nil
}

// And returns the policy that asks for everything that p or q asks for: of each rule
// the stricter one.
func (p PasswordMethod) And(q PasswordMethod) PasswordMethod {
	p.Enabled = p.Enabled && q.Enabled
	p.MinLength, p.MinStrength, p.Reuse = max(p.MinLength, q.MinLength), max(p.MinStrength, q.MinStrength), max(p.Reuse, q.Reuse)
	p.Lowercase, p.Uppercase, p.AnyLetter = p.Lowercase || q.Lowercase, p.Uppercase || q.Uppercase, p.AnyLetter || q.AnyLetter
	p.Number, p.NonAlphanumeric = p.Number || q.Number, p.NonAlphanumeric || q.NonAlphanumeric
	p.DisallowEmailMatch, p.MaskErrors = p.DisallowEmailMatch || q.DisallowEmailMatch, p.MaskErrors || q.MaskErrors
	for _, c := range q.DisallowedCharacters {
		if !strings.ContainsRune(p.DisallowedCharacters, c) {
			p.DisallowedCharacters += string(c)
		}
	}
	p.ExpireAfter = least(p.ExpireAfter, q.ExpireAfter)
	p.LockAttempts, p.TempLockAttempts = least(p.LockAttempts, q.LockAttempts), least(p.TempLockAttempts, q.TempLockAttempts)
	p.TempLockFor = max(p.TempLockFor, q.TempLockFor)
	return p
}

// least returns the smaller of two bounds, of which 0 is none.
func least[T int | time.Duration](a, b T) T {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
