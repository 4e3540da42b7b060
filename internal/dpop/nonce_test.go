package dpop

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/secret"
)

// A nonce counts for its project, for its time, on every server with the master key,
// and as it was given.
func TestNonces(t *testing.T) {
	t.Parallel()
	master, file, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	again, err := secret.LoadMaster(file)
	if err != nil {
		t.Fatal(err)
	}
	stranger, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	next := func(n *Nonces, project string) string {
		t.Helper()
		nonce, err := n.next(project, now)
		if err != nil {
			t.Fatal(err)
		}
		return nonce
	}
	nonces, other := &Nonces{Master: master}, &Nonces{Master: again}
	mine := next(nonces, "P1")
	ticket, err := master.SealTicket("something else", "P1", make([]byte, 8))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		nonce string
		after time.Duration
		want  bool
	}{
		"at once":                      {mine, 0, true},
		"at the end of its time":       {mine, nonceFor - 2*time.Second, true},
		"after it":                     {mine, nonceFor, false},
		"long before":                  {mine, -time.Minute, false},
		"of another project":           {next(nonces, "P2"), 0, false},
		"of another server":            {next(other, "P1"), 0, true},
		"of a stranger":                {next(&Nonces{Master: stranger}, "P1"), 0, false},
		"none":                         {"", 0, false},
		"changed":                      {mine[:len(mine)-4] + "AAAA", 0, false},
		"with something after it":      {mine + "AAAA", 0, false},
		"no base64":                    {"!", 0, false},
		"what is sealed for something": {base64.RawURLEncoding.EncodeToString(ticket), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := nonces.check("P1", tt.nonce, now.Add(tt.after))
			if (err == nil) != tt.want || err != nil && !errors.Is(err, ErrNonce) {
				t.Fatalf("check = %v", err)
			}
			if err == nil {
				return
			}
			want, _ := fault.From(err).Details.(Wanted)
			if err := nonces.check("P1", want.Nonce, now.Add(tt.after)); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
	if err := (*Nonces)(nil).check("P1", "", now); err != nil {
		t.Errorf("where none is asked for: %v", err)
	}
}
