package ident_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"postern/internal/ident"
)

func TestNew(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := ident.New("P")
		if len(id) != 28 || !ident.Valid("P", id) || seen[id] {
			t.Fatalf("New = %q: not 28 characters, not valid or not new", id)
		}
		seen[id] = true
	}
}

func TestNewSortsByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for range 100 {
			ids = append(ids, ident.New("K"))
			time.Sleep(16 * time.Microsecond) // of the bubble's clock
		}
		time.Sleep(time.Second)
		ids = append(ids, ident.New("K"))
		if !slices.IsSorted(ids) {
			t.Errorf("ids do not sort by time: %q", ids)
		}
	})
}

func TestDerive(t *testing.T) {
	t.Parallel()
	// Stored ids depend on this value: it may never change.
	const want = "RCBu1KVCyfrt9FvHFAHLqMpJZj2x"
	if got := ident.Derive("R", "P1", "role", "Tenant Admin"); got != want {
		t.Errorf("Derive = %q, want %q", got, want)
	}
	different := [][]string{
		{"R", "ab", "c"},
		{"R", "a", "bc"},
		{"R", "abc"},
		{"R", "abc", ""},
		{"R"},
		{"Ra", "b", "c"},
	}
	seen := map[string][]string{}
	for _, parts := range different {
		id := strings.TrimPrefix(ident.Derive(parts[0], parts[1:]...), parts[0])
		if len(id) != 27 {
			t.Errorf("Derive(%q) has %d digits", parts, len(id))
		}
		if was, ok := seen[id]; ok {
			t.Errorf("Derive(%q) and Derive(%q) are the same", was, parts)
		}
		seen[id] = parts
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, prefix, id string
		want             bool
	}{
		{"as made", "P", "P2aAc4T2V93bddihGEx2Ryhc8e5Z", true},
		{"with a region", "P", "Puse12aAc4T2V93bddihGEx2Ryhc8e5Z", true},
		{"short", "P", "P1", true},
		{"the prefix only", "P", "P", false},
		{"empty", "P", "", false},
		{"another prefix", "P", "K2aAc4T2V93bddihGEx2Ryhc8e5Z", false},
		{"a path", "P", "P/../x", false},
		{"an underscore", "P", "P_1", false},
		{"not ASCII", "P", "Pé", false},
		{"invalid UTF-8", "P", "P\xff", false},
		{"the longest", "P", "P" + strings.Repeat("a", 63), true},
		{"too long", "P", "P" + strings.Repeat("a", 64), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := ident.Valid(tt.prefix, tt.id); got != tt.want {
				t.Errorf("Valid(%q, %q) = %v, want %v", tt.prefix, tt.id, got, tt.want)
			}
		})
	}
}

func TestDeriveIsInjective(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringN(0, 4, -1), 0, 4)
		a, b := texts.Draw(t, "a"), texts.Draw(t, "b")
		same := ident.Derive("R", a...) == ident.Derive("R", b...)
		if same != slices.Equal(a, b) {
			t.Fatalf("Derive(%q) == Derive(%q) is %v", a, b, same)
		}
	})
}

func TestRandom(t *testing.T) {
	t.Parallel()
	const n = 62_000
	s := ident.Random(n)
	if len(s) != n {
		t.Fatalf("Random(%d) has %d digits", n, len(s))
	}
	count := map[rune]int{}
	for _, r := range s {
		count[r]++
	}
	if len(count) != 62 {
		t.Errorf("%d different digits, want 62", len(count))
	}
	for r, c := range count {
		// Expected 1000 each, deviation 31.4: ten of them never happen, while
		// the bias of a plain remainder (25 %) would be eight.
		if c < 750 || c > 1250 {
			t.Errorf("digit %q comes %d times in %d", r, c, n)
		}
	}
	if a, b := ident.Random(43), ident.Random(43); a == b {
		t.Errorf("two random texts are the same: %q", a)
	}
}
