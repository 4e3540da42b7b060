package passkey

import (
	"context"
	"strconv"

	"postern/internal/project"
	"postern/internal/user"
)

// A model is how the passkeys of one kind of authenticator look to who signs in.
type model struct {
	size       int // of the id, in bytes
	transports []string
}

// models are common ones, each as often as decoys have it, of sixteen. Whoever takes
// them from what the project has would show, whenever that grows, which answers are
// made up: those that change.
var models = [...]model{
	{20, []string{"hybrid", "internal"}}, // the keychain of Apple
	{20, []string{"hybrid", "internal"}},
	{20, []string{"hybrid", "internal"}},
	{20, []string{"internal"}},
	{20, nil},                            // from a client that does not say, or imported
	{16, []string{"hybrid", "internal"}}, // managers of passwords, such as that of Google
	{16, []string{"hybrid", "internal"}},
	{16, []string{"hybrid", "internal"}},
	{16, nil},
	{32, []string{"internal"}}, // a device, such as that of Windows
	{32, []string{"internal"}},
	{32, []string{"internal"}},
	{32, nil},
	{64, []string{"nfc", "usb"}}, // security keys
	{64, []string{"usb"}},
	{48, []string{"nfc", "usb"}},
}

// decoys returns what stands for the passkeys of a login id that has none: the same
// each time, and of the look of those that users have, for no answer must tell who is
// a user. What they look like comes of the key, too, but not of their ids: else the
// one would give away that the other is made up.
func (s *Service) decoys(ctx context.Context, projectID, rpID, home, loginID string) ([]descriptor, error) {
	pepper, err := s.Projects.Pepper(ctx, project.Place{Project: projectID, Kind: "passkey", Entity: "decoy", Field: "key"})
	if err != nil {
		return nil, err
	}
	if id, err := user.LoginID(loginID); err == nil {
		loginID = id
	}
	draw := func(what string) []byte { return pepper.Hash(what, rpID, user.Key(home, loginID)) }
	look := draw("look")
	out := make([]descriptor, manyOf(look[0]))
	for i := range out {
		m := models[int(look[i+1])%len(models)]
		id := append(draw("id "+strconv.Itoa(i)), draw("more of id "+strconv.Itoa(i))...)
		out[i] = descriptor{publicKey, encode(id[:m.size]), m.transports}
	}
	return out, nil
}

// manyOf returns how many passkeys a draw comes to: mostly one, seldom three.
func manyOf(draw byte) int {
	switch {
	case draw < 192:
		return 1
	case draw < 240:
		return 2
	}
	return 3
}
