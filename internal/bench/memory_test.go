package bench

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"text/tabwriter"
)

// TestMemory prints the peak of the heap while a body is imported, over the
// size of the body. The collector runs often, so that the peak is what is held
// and not what waits to be collected.
func TestMemory(t *testing.T) {
	if !*run {
		t.Skip("figures come from make bench")
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(out, "input\tbody\tpeak heap\tratio\tgoal\t")
	for _, s := range sizes[1:] {
		sv := newServer(t, t.TempDir())
		b := body(project(s, "", 0))
		sv.post(t, sv.project(t), "/v1/mgmt/project/import", []byte(`{"files":{}}`))
		id := sv.project(t)
		peak := peakHeap(func() { sv.post(t, id, "/v1/mgmt/project/import", b) })
		fmt.Fprintf(out, "%s\t%.1f MB\t%.1f MB\t%.1f\t4\t\n", s.name, float64(len(b))/1e6, float64(peak)/1e6, float64(peak)/float64(len(b)))
	}
	out.Flush()
}

// peakHeap runs f and returns by how much the heap grew at most.
func peakHeap(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var done atomic.Bool
	peak := make(chan uint64)
	go func() {
		most := uint64(0)
		for !done.Load() {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
		peak <- most
	}()
	f()
	done.Store(true)
	return max(<-peak, before.HeapAlloc) - before.HeapAlloc
}
