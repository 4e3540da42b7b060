package password

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/secret"
)

// longest is how long a password may be that is set here, in characters; the wire
// has no setting for it.
const longest = 64

// ErrPolicy is what a password gets that the policy of the project refuses. Its
// details are a list of Violation.
var ErrPolicy = fault.New(fault.Invalid, "E011003", "the password is not allowed by the password policy")

// Violation is a rule that a password breaks.
type Violation struct {
	Rule    string `json:"rule"` // the key in password.json; or longest, text or breached, which no key turns off
	Message string `json:"message"`
}

// Person is what is known of whose password it is, and must not be in it.
type Person struct {
	Emails []string // and login ids that look like one
	Words  []string // names, the project: guessed first
}

// Check says which rules of a policy a new password breaks; none if it may be used.
// It looks at the password only, not at former ones or at lists of known ones.
func Check(p project.PasswordMethod, password secret.Text, who Person) []Violation {
	var out []Violation
	text := password.Reveal()
	broken := func(is bool, rule, message string) {
		if is {
			out = append(out, Violation{Rule: rule, Message: message})
		}
	}
	if !utf8.ValidString(text) {
		return []Violation{{Rule: "text", Message: "the password is no valid UTF-8"}}
	}
	if utf8.RuneCountInString(text) > longest { // before anything that takes long
		return []Violation{{Rule: "longest", Message: "the password has more than 64 characters"}}
	}
	hashed := normal(text)
	none := func(is func(rune) bool) bool { return !strings.ContainsFunc(hashed, is) }
	broken(utf8.RuneCountInString(hashed) < max(p.MinLength, 1), "minLength", "the password is too short")
	broken(p.Lowercase && none(unicode.IsLower), "lowercase", "the password has no small letter")
	broken(p.Uppercase && none(unicode.IsUpper), "uppercase", "the password has no capital letter")
	broken(p.AnyLetter && none(unicode.IsLetter), "anyLetter", "the password has no letter")
	broken(p.Number && none(unicode.IsDigit), "number", "the password has no digit")
	broken(p.NonAlphanumeric && none(symbol), "nonAlphanumeric", "the password has no symbol")
	broken(p.DisallowedCharacters != "" && (strings.ContainsAny(text, p.DisallowedCharacters) || strings.ContainsAny(hashed, p.DisallowedCharacters)),
		"disallowedCharacters", "the password has a character that is not allowed")
	broken(p.DisallowEmailMatch && who.matches(hashed), "disallowEmailMatch", "the password is the e-mail address or its first part")
	broken(p.MinStrength > 0 && strength(hashed, who) < p.MinStrength, "passwordStrengthScore", "the password is too easy to guess")
	return out
}

func symbol(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }

// matches reports whether a password is an address of who or its local part,
// whatever the case.
func (who Person) matches(password string) bool {
	for _, address := range who.Emails {
		local, _, isAddress := strings.Cut(address, "@")
		if isAddress && (strings.EqualFold(password, normal(address)) || strings.EqualFold(password, normal(local))) {
			return true
		}
	}
	return false
}
