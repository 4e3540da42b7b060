package password

import (
	"strings"

	"github.com/trustelem/zxcvbn"
)

// strength returns the zxcvbn score of a password, 0 (a few guesses) to 4 (more
// than 10¹⁰). What is known of who it belongs to is guessed first.
//
// It takes up to a tenth of a second for 64 characters chosen to make it slow.
func strength(password string, who Person) int {
	var known []string
	for _, address := range who.Emails {
		local, domain, _ := strings.Cut(address, "@")
		known = append(known, address, local, domain)
	}
	for _, words := range who.Words {
		known = append(known, words)
		known = append(known, strings.Fields(words)...)
	}
	return zxcvbn.PasswordStrength(password, known).Score
}
