package snapshot

import (
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// onAll calls work for each number below n, several at a time, and returns the first
// error. A goroutine takes one after the other: what documents need of a stack it
// grows once.
func onAll(n int, work func(i int) error) error {
	var next atomic.Int64
	var all errgroup.Group
	for range min(runtime.GOMAXPROCS(0), n) {
		all.Go(func() error {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := work(int(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}
