package obeyed

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/internal/testkit"
)

const (
	crowdPace = 5 * time.Millisecond // from one sign-in to the next: 200 a second, where the machine allows
	crowdMost = 16                   // sign-ins at once
	crowdTry  = 6                    // times, where the database is too busy, as clients do
)

// crowd is how many sign in: for two seconds, where nothing slows them down.
func crowd() int {
	if testkit.Race {
		return 100
	}
	return 400
}

// People sign in, 200 a second where the machine allows, while the project is
// imported again and again. None is lost, and each refreshes afterwards.
func TestImportsLoseNoSignIn(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		p := open(t, url).newPlace(t)
		p.imports(crowdRules(0)).ok(t)
		var imports atomic.Int64
		over, imported := make(chan struct{}), make(chan error, 1)
		go func() { // imports until the last one has signed in
			for {
				select {
				case <-over:
					imported <- nil
					return
				default:
				}
				n := imports.Load() + 1
				if a := again(func() answer { return p.imports(crowdRules(int(n))) }); a.status != 200 {
					imported <- fmt.Errorf("import %d: %s", n, a.text)
					return
				}
				imports.Store(n)
			}
		}()
		tokens := make([]string, crowd())
		var group errgroup.Group
		group.SetLimit(crowdMost)
		pace := time.NewTicker(crowdPace)
		defer pace.Stop()
		began := time.Now()
		for i := range tokens {
			<-pace.C
			group.Go(func() (err error) {
				tokens[i], err = p.comes(i)
				return err
			})
		}
		err := group.Wait()
		took := time.Since(began)
		close(over)
		if err := <-imported; err != nil {
			t.Error(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d sign-ins in %s, %d imports meanwhile", len(tokens), took.Round(time.Millisecond), imports.Load())
		if imports.Load() == 0 {
			t.Error("nothing was imported meanwhile")
		}
		for i, refresh := range tokens {
			if a := again(func() answer { return p.as(refresh, "/v1/auth/refresh", object{}) }); a.status != 200 {
				t.Errorf("the session of sign-in %d is lost: %s", i, a.text)
			}
		}
	})
}

// crowdRules are the settings of an import: each time others, none of which is in the
// way of a sign-in.
func crowdRules(n int) files {
	return files{
		"snapshot.json": object{"version": 5},
		settings:        object{"sessionTokenExpiration": 10 + n%40, "sessionTokenExpirationUnit": "minutes", "trustedDomains": fmt.Sprintf("n%d.example", n)},
		otpFile:         object{"expirationTime": 3 + n%7, "expirationTimeUnit": "minutes"},
		embeddedFile:    object{"expirationTime": 3 + n%7, "expirationTimeUnit": "minutes"},
		rolesFile:       object{"roles": []any{object{"id": "ROLguest", "name": fmt.Sprintf("guest %d", n), "default": true}}},
	}
}

// again makes a call, and once more where the answer is that the database is too busy.
func again(call func() answer) (a answer) {
	for range crowdTry {
		if a = call(); a.status != http.StatusServiceUnavailable {
			return a
		}
	}
	return a
}

// comes signs somebody in who is new: with a code, or with an embedded link. It
// returns the refresh token.
func (p *place) comes(i int) (string, error) {
	who := p.someone()
	var end answer
	if i%2 == 0 {
		if a := again(func() answer { return p.as("", "/v1/auth/otp/signup-in/email", object{"loginId": who}) }); a.status != 200 {
			return "", fmt.Errorf("sign-in %d does not begin: %s", i, a.text)
		}
		code := codeIn(newest(p.outbox(who)))
		end = again(func() answer { return p.as("", "/v1/auth/otp/verify/email", object{"loginId": who, "code": code}) })
	} else {
		begun := again(func() answer {
			return p.manage("POST", "/v1/mgmt/user/signup/embeddedlink", object{"loginId": who, "user": object{"email": who}, "emailVerified": true})
		})
		if begun.status != 200 {
			return "", fmt.Errorf("sign-in %d does not begin: %s", i, begun.text)
		}
		end = again(func() answer { return p.as("", "/v1/auth/magiclink/verify", object{"token": begun.word("token")}) })
	}
	if end.status != 200 || end.word("refreshJwt") == "" {
		return "", fmt.Errorf("sign-in %d is lost: %s", i, end.text)
	}
	return end.word("refreshJwt"), nil
}
