package bench

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// A report is a table of figures, printed at the end of its test, also of one
// that fails.
type report struct{ out *tabwriter.Writer }

// newReport skips the test unless figures are wanted.
func newReport(t *testing.T, title string, columns ...string) *report {
	t.Helper()
	if !*run {
		t.Skip("figures come from make bench")
	}
	r := &report{tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)}
	fmt.Fprintf(r.out, "\n%s\n%s\t\n", title, strings.Join(columns, "\t"))
	t.Cleanup(func() { r.out.Flush() })
	return r
}

// row adds a row; durations are rounded to tenths of a millisecond.
func (r *report) row(cells ...any) {
	for _, c := range cells {
		switch c := c.(type) {
		case time.Duration:
			fmt.Fprint(r.out, c.Round(100*time.Microsecond), "\t")
		case float64:
			fmt.Fprintf(r.out, "%.2f\t", c)
		default:
			fmt.Fprint(r.out, c, "\t")
		}
	}
	fmt.Fprintln(r.out)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// exponent fits took = c * n^exponent: 1 is linear growth, 2 quadratic.
func exponent(n []int, took []time.Duration) float64 {
	var sx, sy, sxx, sxy float64
	for i := range n {
		x, y := math.Log(float64(n[i])), math.Log(took[i].Seconds())
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	k := float64(len(n))
	return (k*sxy - sx*sy) / (k*sxx - sx*sx)
}
