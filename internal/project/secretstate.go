package project

import "cmp"

// secretWords say what becomes of a secret, for people: "the password … is set".
var secretWords = map[SecretState]string{
	SecretSame: "stays as it is", SecretSet: "is set", SecretChanges: "gets another value",
	SecretUnknown: "is given again; whether it is the same is not known",
	SecretFollows: "follows to another destination", SecretRemoved: "is removed",
	SecretMissing: "is missing", SecretMoved: "is not carried over to another destination, and missing",
}

// Words say what a state is, to be put behind the name of a secret. A state that
// is not known, of a newer server, is its own word.
func (s SecretState) Words() string { return cmp.Or(secretWords[s], string(s)) }
