// Package password is the method of signing in with a password: how passwords are
// hashed and compared, what a new one must be like, what becomes of wrong tries,
// and how a forgotten one is set anew.
//
// Its table is passwords: for each user the hash, the former ones, and the wrong
// tries. Who the user is belongs to package user, the tokens of a sign-in to
// session, the way of a message to connector. What a policy says comes from the
// compiled configuration of the project.
//
// A cleartext is a secret.Text until it is hashed, and is kept nowhere.
package password
