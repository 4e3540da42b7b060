package secret_test

import (
	"bytes"
	"testing"

	"postern/internal/secret"
)

func TestTicket(t *testing.T) {
	t.Parallel()
	m, file, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := m.SealTicket("session", "any", []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.SealTicket("session", "any", []byte("content"))
	if err != nil || bytes.Equal(sealed, again) || bytes.Contains(sealed, []byte("content")) {
		t.Errorf("sealing twice gives the same, or shows the content: %v", err)
	}
	rotated, err := secret.AddMasterKey(file)
	if err != nil {
		t.Fatal(err)
	}
	next, err := secret.LoadMaster(rotated)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for _, tt := range []struct {
		name            string
		with            *secret.Master
		purpose, holder string
		sealed          []byte
		opens           bool
	}{
		{"the same", m, "session", "any", sealed, true},
		{"after a rotation", next, "session", "any", sealed, true},
		{"another purpose", m, "draft", "any", sealed, false},
		{"another holder", m, "session", "K1", sealed, false},
		{"parts that join to the same text", m, "sessiona", "ny", sealed, false},
		{"another master key", other, "session", "any", sealed, false},
		{"no master key", &secret.Master{}, "session", "any", sealed, false},
		{"a changed byte", m, "session", "any", changed, false},
		{"nothing", m, "session", "any", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			content, err := tt.with.OpenTicket(tt.purpose, tt.holder, tt.sealed)
			if opened := err == nil && string(content) == "content"; opened != tt.opens || err != nil && content != nil {
				t.Errorf("OpenTicket = %q, %v", content, err)
			}
		})
	}
	for _, words := range [][2]string{{"", "any"}, {"session", ""}} {
		if _, err := m.SealTicket(words[0], words[1], []byte("content")); err == nil {
			t.Errorf("a ticket for %q is sealed", words)
		}
	}
	if _, err := (&secret.Master{}).SealTicket("session", "any", nil); err == nil {
		t.Error("a ticket is sealed without a key")
	}
}
