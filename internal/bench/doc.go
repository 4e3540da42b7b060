// Package bench measures what docs/performance.md has goals for, beside a floor
// or a peer that is measured in the same run, so that the ratios hold on any
// machine. It has no part in the product: all of it is in tests, and the peer in
// the folder pocketbase is a module of its own.
package bench
