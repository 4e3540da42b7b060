package password_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/argon2"

	"postern/internal/password"
	"postern/internal/secret"
)

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	right := secret.New("pässword 1")
	stored, err := h.Hash(t.Context(), "P1", right)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=7168,t=1,p=1$") || strings.Contains(stored, "ssword") {
		t.Errorf("stored as %q", stored)
	}
	if again, err := h.Hash(t.Context(), "P1", right); err != nil || again == stored {
		t.Errorf("the same password has the same hash twice: %v", err)
	}
	dear, err := password.NewHasher(password.Params{Memory: 8 << 10, Passes: 1, Lanes: 1}, 64<<20, 1, 256)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		by        *password.Hasher
		password  string
		ok, stale bool
	}{
		{"the password", h, "pässword 1", true, false},
		{"the password, typed as a letter and a mark", h, "pa\u0308ssword 1", true, false},
		{"the password in wide letters", h, "ｐässword 1", true, false},
		{"the password, where costs were changed", dear, "pässword 1", true, true},
		{"another case", h, "Pässword 1", false, false},
		{"another letter", h, "password 1", false, false},
		{"a space more", h, "pässword 1 ", false, false},
		{"nothing", h, "", false, false},
		{"no text", h, "p\xe4ssword 1", false, false},
		{"a megabyte", h, strings.Repeat("x", 1<<20), false, false},
		{"another password, where costs were changed", dear, "password 1", false, false},
	}
	for _, tt := range tests {
		ok, stale, err := tt.by.Verify(t.Context(), "P1", secret.New(tt.password), stored)
		if ok != tt.ok || stale != tt.stale || err != nil {
			t.Errorf("%s: %v, stale %v, %v, want %v, stale %v", tt.name, ok, stale, err, tt.ok, tt.stale)
		}
	}
	for _, bad := range []string{
		"", "$", "plain", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$$", "$argon2id$v=19$m=99999999,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$6$x$y",
	} {
		if ok, _, err := h.Verify(t.Context(), "P1", right, bad); ok || err == nil {
			t.Errorf("stored as %q: %v, %v", bad, ok, err)
		}
	}
}

// A hash of nothing is nobody's way in, and neither is one that matches what a
// password that is too long is replaced by.
func TestTheEmptyPasswordMatchesNothing(t *testing.T) {
	t.Parallel()
	in := password.Import{MD5: text("d41d8cd98f00b204e9800998ecf8427e")}
	stored, err := in.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"", strings.Repeat("x", 1025)} {
		if ok, stale, err := hasher(t).Verify(t.Context(), "P1", secret.New(p), stored); ok || stale || err != nil {
			t.Errorf("%d bytes: %v, %v, %v", len(p), ok, stale, err)
		}
	}
}

func TestParamsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		params   password.Params
		memory   int64
		parallel int
		waiting  int
	}{
		"too little memory to be safe":     {password.Params{Memory: 6 << 10, Passes: 1, Lanes: 1}, 64 << 20, 1, 1},
		"no pass":                          {password.Params{Memory: 19 << 10, Lanes: 1}, 64 << 20, 1, 1},
		"too many passes":                  {password.Params{Memory: 19 << 10, Passes: 65, Lanes: 1}, 64 << 20, 1, 1},
		"no lane":                          {password.Params{Memory: 19 << 10, Passes: 1}, 64 << 20, 1, 1},
		"less memory than one hash takes":  {usual(), 18 << 20, 1, 1},
		"nothing at once":                  {usual(), 64 << 20, 0, 1},
		"a memory that there is nowhere":   {password.Params{Memory: 1<<32 - 1, Passes: 1, Lanes: 1}, 64 << 20, 1, 1},
		"nobody who waits":                 {usual(), 64 << 20, 1, 0},
		"the zero value, which hashes not": {},
	} {
		if _, err := password.NewHasher(tt.params, tt.memory, tt.parallel, tt.waiting); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// No more hashes run at once than there is memory and are processors for, and those
// of a project that wait come in their order.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, err := password.NewHasher(quick, 64<<20, 4, 256)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		start := func(name string, memory int64) (end func()) {
			gate := make(chan struct{})
			wg.Go(func() {
				err := h.Turn(t.Context(), "P1", memory, func() {
					mu.Lock()
					order = append(order, name)
					mu.Unlock()
					<-gate
				})
				if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			return func() { close(gate); synctest.Wait() }
		}
		began := func(want ...string) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(want, order); diff != "" {
				t.Errorf("began (-want +got):\n%s", diff)
			}
		}
		var ends []func()
		for i := range 4 {
			ends = append(ends, start(fmt.Sprint("small ", i), 1))
		}
		fifth := start("small 4", 1) // four at once
		began("small 0", "small 1", "small 2", "small 3")
		large := start("large", 40<<20)
		huge := start("larger than all", 1<<30)
		last := start("last", 1)
		ends[0]()
		began("small 0", "small 1", "small 2", "small 3", "small 4")
		ends[1]() // 16 of the 40 that the large one needs; nobody overtakes it
		began("small 0", "small 1", "small 2", "small 3", "small 4")
		ends[2]()
		ends[3]()
		began("small 0", "small 1", "small 2", "small 3", "small 4", "large")
		fifth()
		large()
		began("small 0", "small 1", "small 2", "small 3", "small 4", "large", "larger than all")

		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { gone <- h.Turn(ctx, "P1", 1, func() { t.Error("somebody who left had a turn") }) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		huge()
		began("small 0", "small 1", "small 2", "small 3", "small 4", "large", "larger than all", "last")
		last()
		wg.Wait()
	})
}

// BenchmarkHash is what a password costs here, and BenchmarkArgon2id what the
// algorithm itself takes with all processors: the first is to reach 95 % of the
// second. Run both: go test -bench . -cpu 1,2 ./internal/password
func BenchmarkHash(b *testing.B) {
	h, err := password.NewHasher(usual(), 256<<20, runtime.GOMAXPROCS(0), 256)
	if err != nil {
		b.Fatal(err)
	}
	stored, err := h.Hash(b.Context(), "P1", secret.New("correct horse"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(8) // eight callers a processor
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if ok, _, err := h.Verify(b.Context(), "P1", secret.New("correct horse"), stored); !ok || err != nil {
				b.Error(ok, err)
			}
		}
	})
}

func BenchmarkArgon2id(b *testing.B) {
	p := usual()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			argon2.IDKey([]byte("correct horse"), []byte("0123456789abcdef"), p.Passes, p.Memory, p.Lanes, 32)
		}
	})
}

// usual returns the costs that the server has by default.
func usual() password.Params { return password.Params{Memory: 19 << 10, Passes: 2, Lanes: 1} }
