package torture

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"postern/internal/testkit"
)

// The variables that make a run longer, or the same as one before.
const (
	roundsVariable = "POSTERN_TORTURE"
	seedVariable   = "POSTERN_TORTURE_SEED"
)

// dice are random numbers that a seed makes again (splitmix64).
type dice uint64

func (d *dice) below(n int64) int64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int64((z ^ z>>31) % uint64(max(n, 1)))
}

func setting(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// prepare builds the program, and returns luck that a seed makes again, and how
// many rounds are wanted.
func prepare(t *testing.T) (luck dice, rounds int64, binary string) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	usual := int64(100)
	if testkit.Race {
		usual = 20 // the server that is killed is built without the race detector: it sees nothing more
	}
	rounds, seed := setting(t, roundsVariable, usual), setting(t, seedVariable, time.Now().UnixNano())
	t.Logf("to do the same again: %s=%d", seedVariable, seed)
	binary = filepath.Join(t.TempDir(), "postern")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "postern/cmd/postern").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return dice(seed), rounds, binary
}

// each gives a victim on each database to fn.
func each(t *testing.T, fn func(t *testing.T, v *victim, luck *dice, rounds int64)) {
	t.Helper()
	luck, rounds, binary := prepare(t)
	testkit.Databases(t, func(t *testing.T, url string) {
		luck := luck
		fn(t, &victim{binary: binary, dir: t.TempDir(), database: url, notes: 40, lengths: map[string]time.Duration{}}, &luck, rounds)
	})
}

// A server that is killed at any moment has, when it is started again, the
// revision before the import or the one after it, whole, with its secrets and
// its record; and what it acknowledged is never lost.
func TestKilledWhileItImports(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, v *victim, luck *dice, rounds int64) {
		v.start(t)
		took := v.apply(t, v.next(0)) // the first is not disturbed
		var lost, kept, acknowledged int
		for n := int64(1); n <= rounds; n++ {
			want := v.next(int(n))
			most := took * 5 / 4
			if n%2 == 0 {
				most = took / 2 // the first import is the slowest
			}
			delay := time.Duration(luck.below(int64(most)))
			ok := v.applyAndKill(t, want, delay)
			v.start(t)
			switch head := v.head(t); {
			case head == want.digest(t):
				v.current = want
				kept++
			case head != v.current.digest(t):
				t.Fatalf("import %d, killed after %v: the head is neither the old revision nor the new one", n, delay)
			case ok:
				t.Fatalf("import %d, killed after %v: it was acknowledged and is lost", n, delay)
			default:
				lost++
			}
			if ok {
				acknowledged++
				v.acknowledged = append(v.acknowledged, want.digest(t))
			}
			v.check(t)
			if n%25 == 0 || n == rounds {
				v.checkInside(t)
			}
			if t.Failed() {
				t.Fatalf("import %d, killed after %v", n, delay)
			}
		}
		v.kill(t)
		t.Logf("%d imports: %d acknowledged, %d more were applied, %d were not", rounds, acknowledged, kept-acknowledged, lost)
		if rounds >= 20 && (kept == 0 || lost == 0) {
			t.Errorf("of %d imports %d were applied: the moments of the kills are not spread", rounds, kept)
		}
	})
}
