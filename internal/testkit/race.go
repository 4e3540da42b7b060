//go:build race

package testkit

// Race says that the race detector is at work. It makes everything several times
// slower and larger, so tests do fewer rounds under it, and those that measure
// say nothing.
const Race = true
